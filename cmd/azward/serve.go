package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/hub"
)

// serveFlags are how the hub runs.
type serveFlags struct {
	listen          string
	tlsCert, tlsKey string
	publicURL       string
	plain           bool
	proxies         []string
	workers         int
	rate            int // requests a second
	otlp            string
	logFormat       string
	oidc            oidcFlags
	cloudConfig     string // of who signs in by the Aurora routes; the demo sets it
}

func serveCommand(a *app) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use: "serve", Short: "Serve the hub: pages and an API", Args: cobra.NoArgs,
		Long: `Serve the hub: pages for people, an API for programs, scans in the background.
It listens on loopback unless told otherwise. The first start prints a link
that makes the first administrator; it works once.

An address that others can reach needs --tls-cert and --tls-key, or
--insecure-listen behind a proxy that ends TLS.`,
		Example: `  azward serve
  azward serve --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --public-url https://azward.example.com
  azward serve --listen 10.0.0.5:8484 --insecure-listen --trusted-proxy 10.0.0.4/32 --public-url https://azward.example.com`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			level := a.logLevel
			if !cmd.Flags().Changed("log-level") {
				level = "info"
			}
			return a.serve(cmd.Context(), f, newLog(a.stderr, f.logFormat, level))
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.listen, "listen", hub.DefaultListen, "address to listen on")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "PEM file with the certificate and its chain; read anew when it changes")
	flags.StringVar(&f.tlsKey, "tls-key", "", "PEM file with the certificate's key")
	flags.StringVar(&f.publicURL, "public-url", "", "how browsers reach the hub, such as https://azward.example.com")
	flags.BoolVar(&f.plain, "insecure-listen", false, "listen without TLS on an address that others can reach: for a proxy in front that ends TLS")
	flags.StringSliceVar(&f.proxies, "trusted-proxy", nil, "believe X-Forwarded-For of these proxies (CIDR, repeatable)")
	flags.IntVar(&f.workers, "workers", 2, "jobs under way at once")
	flags.IntVar(&f.rate, "rate-limit", hub.DefaultRate, "requests a second of one user, token or anonymous address, with bursts of five seconds' worth")
	flags.StringVar(&f.otlp, "otlp-endpoint", "", "send traces to this OpenTelemetry collector, such as http://127.0.0.1:4318")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json")
	f.oidc.flags(flags)
	return c
}

const (
	// maxWorkers keeps the memory of scans under way bounded.
	maxWorkers = 64
	// maxRate is more than one process answers, requests a second: there is no
	// limit that is none.
	maxRate = 100_000
)

// check says what is wrong with the flags before anything is opened.
func (f *serveFlags) check() error {
	for _, check := range []func() error{f.checkListen, f.checkURLs, f.checkProxies, f.oidc.check} {
		if err := check(); err != nil {
			return err
		}
	}
	if f.workers < 1 || f.workers > maxWorkers {
		return usageOf("--workers", fmt.Sprint(f.workers), fmt.Sprintf("it is not between 1 and %d", maxWorkers), "2 is right for most tenants")
	}
	if f.rate < 1 || f.rate > maxRate {
		return usageOf("--rate-limit", fmt.Sprint(f.rate), fmt.Sprintf("it is not between 1 and %d", maxRate), fmt.Sprintf("%d requests a second are right for people and most programs", hub.DefaultRate))
	}
	if f.logFormat != "text" && f.logFormat != "json" {
		return usageOf("--log-format", f.logFormat, "there is no such format", "use text or json")
	}
	return nil
}

func (f *serveFlags) checkListen() error {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return usageOf("--listen", f.listen, "it is not HOST:PORT", "such as "+hub.DefaultListen+"; IPv6 is [::1]:8484")
	}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return usageOf("--tls-cert and --tls-key", "", "one of them is given without the other", "give both: the certificate with its chain, and its key")
	}
	for flag, file := range map[string]string{"--tls-cert": f.tlsCert, "--tls-key": f.tlsKey} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return usageOf(flag, file, "it cannot be read: "+err.Error(), "check the path and that this user may read it")
		}
	}
	if f.tlsCert == "" && !f.plain && !isLoopback(host) {
		return usageOf("--listen", f.listen, "others can reach that address, and without TLS they can read what passes",
			"give --tls-cert and --tls-key; or --insecure-listen where a proxy in front ends TLS; or listen on "+hub.DefaultListen)
	}
	return nil
}

// isLoopback says that nobody but this machine reaches the host.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func (f *serveFlags) checkURLs() error {
	for flag, text := range map[string]string{"--public-url": f.publicURL, "--otlp-endpoint": f.otlp} {
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return usageOf(flag, fmt.Sprintf("%.100q", text), "it is not http://HOST or https://HOST", "give scheme, host and port alone")
		}
		if flag == "--public-url" && strings.Trim(u.Path, "/") != "" {
			return usageOf(flag, text, "it has a path, and the hub has the whole host", "give the hub a host name of its own")
		}
	}
	return nil
}

func (f *serveFlags) checkProxies() error {
	for _, text := range f.proxies {
		if _, err := netip.ParsePrefix(text); err != nil {
			return usageOf("--trusted-proxy", fmt.Sprintf("%.60q", text), "it is no network in CIDR form", "such as 10.0.0.4/32")
		}
	}
	return nil
}

// networks are the proxies, checked already.
func (f *serveFlags) networks() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range f.proxies {
		if p, err := netip.ParsePrefix(text); err == nil {
			list = append(list, p.Masked())
		}
	}
	return list
}

func usageOf(flag, subject, cause, remedy string) error {
	return &azward.Error{Kind: azward.KindUsage, Op: "read " + flag, Subject: subject, Cause: cause, Remedy: remedy}
}

// newLog writes what happens, as text or JSON.
func newLog(to io.Writer, format, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo // prepare has checked the names
	}
	o := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}

// serve runs the hub until ctx ends.
func (a *app) serve(ctx context.Context, f serveFlags, log *slog.Logger) error {
	h, err := a.openHub(ctx, f, log)
	if err != nil {
		return err
	}
	return h.run(ctx)
}
