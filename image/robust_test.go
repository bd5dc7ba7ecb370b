package image_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

// wires answers requests without a network.
type wires func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (w wires) RoundTrip(req *http.Request) (*http.Response, error) { return w(req) }

func answer(req *http.Request, status int, body string, header ...string) *http.Response {
	res := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	for i := 0; i < len(header); i += 2 {
		res.Header.Add(header[i], header[i+1])
	}
	return res
}

func dial(address string, err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(mustAddr(address)), Err: os.NewSyscallError("connect", err)}
}

// What a network, a proxy or a hostile registry does ends with a named error.
func TestHostileRegistries(t *testing.T) {
	t.Parallel()
	const ping = "/v2/"
	to := func(target string) wires {
		return func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == ping {
				return answer(req, 200, "{}"), nil
			}
			return answer(req, 307, "", "Location", target), nil
		}
	}
	for _, tc := range []struct {
		name, host    string
		wires         wires
		kind          azward.Kind
		cause, remedy string
	}{
		{"redirect_to_metadata", "", to("https://169.254.169.254/metadata/identity/oauth2/token"), azward.KindBadInput, "169.254.169.254", "do not trust"},
		{"redirect_to_azure_host", "", to("https://168.63.129.16/machine"), azward.KindBadInput, "168.63.129.16", "do not trust"},
		{"redirect_to_metadata_ipv6", "", to("https://[fe80::1%25eth0]/"), azward.KindBadInput, "fe80", "do not trust"},
		{"redirect_to_mapped_address", "", to("https://[::ffff:169.254.169.254]/"), azward.KindBadInput, "169.254.169.254", "do not trust"},
		{"redirect_to_this_machine", "", to("https://127.0.0.1:8443/"), azward.KindBadInput, "127.0.0.1", "do not trust"},
		{"redirect_to_http", "", to("http://storage.example/blob"), azward.KindUnavailable, "does not speak HTTPS", "--plain-http"},
		{"redirect_to_file", "", to("file:///etc/passwd"), azward.KindBadInput, "file://", "do not trust"},
		{"redirect_loop", "", to("https://registry.example/v2/again"), azward.KindUnavailable, "redirects", "host name"},
		{"token_service_elsewhere", azureHost, func(req *http.Request) (*http.Response, error) {
			if req.URL.Host != azureHost {
				return nil, errors.New("the refresh token leaves for " + req.URL.Host)
			}
			return answer(req, 401, "{}", "WWW-Authenticate", `Bearer realm="https://attacker.example/oauth2/token",service="contoso"`), nil
		}, azward.KindBadInput, "attacker.example", "proxy"},
		{"token_service_at_metadata", "", func(req *http.Request) (*http.Response, error) {
			return answer(req, 401, "{}", "WWW-Authenticate", `Bearer realm="https://169.254.169.254/token",service="x"`), nil
		}, azward.KindUnavailable, "link-local", "host name"},
		{"html_error_page", "", func(req *http.Request) (*http.Response, error) {
			return answer(req, 502, "<html><h1>Bad gateway</h1></html>", "Content-Type", "text/html"), nil
		}, azward.KindUnavailable, "502 Bad Gateway", "later"},
		{"private_endpoint_refused", azureHost, func(*http.Request) (*http.Response, error) {
			return nil, dial("10.1.0.4:443", syscall.ECONNREFUSED)
		}, azward.KindUnavailable, "private address 10.1.0.4", "inside the network"},
		{"private_endpoint_times_out", azureHost, func(*http.Request) (*http.Response, error) {
			return nil, dial("10.1.0.4:443", syscall.ETIMEDOUT)
		}, azward.KindUnavailable, "private endpoint", "inside the network"},
		{"refused", "", func(*http.Request) (*http.Response, error) { return nil, dial("203.0.113.5:443", syscall.ECONNREFUSED) }, azward.KindUnavailable, "connection refused", "host name"},
		{"no_such_name", azureHost, func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: azureHost, IsNotFound: true}}
		}, azward.KindUnavailable, azureHost + " is not known", "private endpoint"},
		{"storage_unreachable", "", func(req *http.Request) (*http.Response, error) {
			if req.URL.Host == "storage.example" {
				return nil, dial("203.0.113.5:443", syscall.ECONNREFUSED)
			}
			return to("https://storage.example/x?sig=hunter2")(req)
		}, azward.KindUnavailable, "storage.example", "connect"},
		{"storage_refuses", "", func(req *http.Request) (*http.Response, error) {
			if req.URL.Host == "storage.example" {
				return answer(req, 403, "<Error><Code>AuthenticationFailed</Code></Error>"), nil
			}
			return to("https://storage.example/x?sig=hunter2")(req)
		}, azward.KindUnavailable, "storage.example", "clock"},
		{"other_digest_than_said", "", func(req *http.Request) (*http.Response, error) {
			return answer(req, 200, "{}", "Docker-Content-Digest", "sha256:"+strings.Repeat("a", 64)), nil
		}, azward.KindBadInput, "digest", "push"},
		{"says_what_it_wants", "", func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == ping {
				return answer(req, 200, "{}"), nil
			}
			return answer(req, 404, `{"errors":[{"code":"X","message":"\u001b[31m\nfake: all clean`+strings.Repeat("x", 5000)+`"}]}`), nil
		}, azward.KindNotFound, "[31m fake", "tag"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			host := tc.host
			if host == "" {
				host = "registry.example"
			}
			asked := wires(func(req *http.Request) (*http.Response, error) {
				if h := req.URL.Hostname(); h != host && !strings.HasSuffix(h, ".example") {
					t.Errorf("asked %s", req.URL)
				}
				return tc.wires(req)
			})
			r := &image.Registry{Host: host, Transport: asked, Auth: fixed{image.Credentials{IdentityToken: "secret-token"}}}
			_, err := (&image.Scanner{}).Scan(t.Context(), r.Open(image.Reference{Kind: image.KindRegistry, Registry: host, Repository: "app", Tag: "1"}))
			var e *azward.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			if e.Kind != tc.kind || !strings.Contains(e.Cause, tc.cause) || !strings.Contains(e.Remedy, tc.remedy) || e.Remedy == "" {
				t.Errorf("kind %s\ncause %s\nremedy %s", e.Kind, e.Cause, e.Remedy)
			}
			said := e.Error() + e.Remedy
			if strings.Contains(said, "hunter2") || strings.Contains(said, "secret-token") || strings.ContainsAny(said, "\x1b\n") || len(said) > 2000 {
				t.Errorf("%q", said)
			}
		})
	}
}

// A registry that gives a byte now and then does not keep us for ever.
func TestDripping(t *testing.T) {
	t.Parallel()
	layer := gz(t, six(t, "1"))
	for _, kind := range []string{"manifests", "blobs"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/"+kind+"/") {
					return false
				}
				for r.Context().Err() == nil {
					if _, err := w.Write([]byte(" ")); err != nil {
						return true
					}
					if err := http.NewResponseController(w).Flush(); err != nil {
						return true
					}
					time.Sleep(5 * time.Millisecond) // the pace is what is tested
				}
				return true
			})
			s.Patience = 60 * time.Millisecond
			ref := s.push(t, "app", "v1", build(t, [][]byte{layer}, [][]byte{six(t, "1")}))
			start := time.Now()
			_, err := (&image.Scanner{}).ScanReference(t.Context(), ref, s.connect)
			if azward.KindOf(err) != azward.KindUnavailable && azward.KindOf(err) != azward.KindBadInput || time.Since(start) > time.Minute {
				t.Errorf("%v after %s", err, time.Since(start))
			}
		})
	}
}

// A layer that always brings just enough not to stall ends, too.
func TestLayerThatNeverEnds(t *testing.T) {
	t.Parallel()
	layer := gz(t, six(t, "1"))
	const patience = 100 * time.Millisecond
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, string(digest(layer))) {
			return false
		}
		piece := make([]byte, 96<<10) // more than a stalled connection brings
		for r.Context().Err() == nil {
			if _, err := w.Write(piece); err != nil {
				return true
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return true
			}
			time.Sleep(patience / 5) // the pace is what is tested
		}
		return true
	})
	s.Patience = patience
	ref := s.push(t, "app", "v1", build(t, [][]byte{layer}, [][]byte{six(t, "1")}))
	src := s.Open(ref)
	if _, err := src.Resolve(t.Context(), image.Platform{}); err != nil {
		t.Fatal(err)
	}
	body, err := src.Layer(t.Context(), image.Layer{Digest: digest(layer)})
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, body)
	if err == nil || !strings.Contains(err.Error(), "in time") || n < 1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
}

// A long layer whose connection breaks goes on where it broke.
func TestBrokenLayerIsResumed(t *testing.T) {
	t.Parallel()
	layer := gz(t, six(t, "1"))
	var whole, rest atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, string(digest(layer))) {
			return false
		}
		var from int
		if r.Header.Get("Range") == "" {
			whole.Add(1)
			w.Header().Set("Content-Length", fmt.Sprint(len(layer)))
		} else {
			rest.Add(1)
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(layer)-1, len(layer)))
			w.Header().Set("Content-Length", fmt.Sprint(len(layer)-from))
			w.WriteHeader(http.StatusPartialContent)
		}
		_, err := w.Write(layer[from:min(from+len(layer)/3+1, len(layer))])
		return err == nil
	})
	ref := s.push(t, "app", "v1", build(t, [][]byte{layer}, [][]byte{six(t, "1")}))
	img, err := (&image.Scanner{}).ScanReference(t.Context(), ref, s.connect)
	if err != nil || len(img.Packages) != 1 || len(img.Gaps) != 0 {
		t.Fatalf("%+v, %v", img, err)
	}
	if whole.Load() != 1 || rest.Load() != 2 {
		t.Errorf("%d whole reads, %d resumed", whole.Load(), rest.Load())
	}
}

// What real registries and proxies do without being wrong.
func TestQuirks(t *testing.T) {
	t.Parallel()
	b := gzipped(t, six(t, "1"))
	for name, before := range map[string]func(asked *atomic.Int32) func(http.ResponseWriter, *http.Request) bool{
		"head_without_digest": func(*atomic.Int32) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodHead && head(w, 200) }
		},
		"no_head": func(*atomic.Int32) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodHead && head(w, 405) }
		},
		"throttled_ping": func(n *atomic.Int32) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Retry-After", "0")
				return r.URL.Path == "/v2/" && n.Add(1) < 3 && head(w, 429)
			}
		},
		"gzip_that_nobody_asked_for": func(*atomic.Int32) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") || r.Method != http.MethodGet {
					return false
				}
				w.Header().Set("Content-Encoding", "gzip")
				_, err := w.Write(gz(t, b.manifest))
				return err == nil
			}
		},
		"connection_reset_once": func(n *atomic.Int32) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") || r.Method == http.MethodPut || n.Add(1) != 1 {
					return false
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				return err == nil && conn.Close() == nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			s := serve(t, before(&n))
			ref := s.push(t, "app", "v1", b)
			if d, err := s.ResolveDigest(t.Context(), ref); err != nil || d != digest(b.manifest) {
				t.Errorf("%s, %v", d, err)
			}
			img, err := (&image.Scanner{}).ScanReference(t.Context(), ref, s.connect)
			if err != nil || len(img.Packages) != 1 {
				t.Errorf("%+v, %v", img, err)
			}
		})
	}
}

func head(w http.ResponseWriter, status int) bool {
	w.WriteHeader(status)
	return true
}

// A layer that is announced longer than its manifest says is not read.
func TestLongerThanItsManifestSays(t *testing.T) {
	t.Parallel()
	layer := gz(t, six(t, "1"))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, string(digest(layer))) {
			return false
		}
		_, err := w.Write(bytes.Repeat([]byte("x"), len(layer)+1))
		return err == nil
	})
	ref := s.push(t, "app", "v1", build(t, [][]byte{layer}, [][]byte{six(t, "1")}))
	img, err := (&image.Scanner{}).ScanReference(t.Context(), ref, s.connect)
	if err != nil || len(img.Gaps) != 1 || !strings.Contains(img.Gaps[0].Error, "the registry sends") {
		t.Errorf("%+v, %v", img, err)
	}
}

// Links to further pages come in several spellings, and only paths count.
func TestLinks(t *testing.T) {
	t.Parallel()
	for name, link := range map[string][]string{
		"relative":           {`</v2/app/tags/list?last=a>; rel="next"`},
		"unquoted":           {`</v2/app/tags/list?last=a>; rel=next`},
		"absolute_elsewhere": {`<https://attacker.example/v2/app/tags/list?last=a>; rel="next"`},
		"second_of_a_line":   {`</v2/app/tags/list?last=z>; rel="prev"; title="a, b", </v2/app/tags/list?last=a>; rel="last NEXT"`},
		"second_header":      {`</v2/x>; rel="first"`, `</v2/app/tags/list?last=a>; title="x"; rel="next"`},
		"query_alone":        {`<?last=a>; rel="next"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pages []string
			r := &image.Registry{Host: "registry.example", Transport: wires(func(req *http.Request) (*http.Response, error) {
				switch {
				case req.URL.Host != "registry.example":
					return nil, errors.New("asked " + req.URL.Host)
				case req.URL.Path == "/v2/":
					return answer(req, 200, "{}"), nil
				case req.URL.Path != "/v2/app/tags/list":
					return answer(req, 404, "{}"), nil
				}
				pages = append(pages, req.URL.Query().Get("last"))
				if len(pages) > 1 {
					return answer(req, 200, `{"tags":["b"]}`), nil
				}
				res := answer(req, 200, `{"tags":["a"]}`)
				res.Header["Link"] = link
				return res, nil
			})}
			var tags []string
			for tag, err := range r.Tags(t.Context(), "app") {
				if err != nil {
					t.Fatal(err)
				}
				tags = append(tags, tag.Name)
			}
			if strings.Join(tags, "") != "ab" || strings.Join(pages, ",") != ",a" {
				t.Errorf("tags %v of pages %q", tags, pages)
			}
		})
	}
}

// Registries that list nothing say what to do instead.
func TestCatalogRefused(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"docker_hub": 401, "ghcr": 403, "quay": 404, "method": 405} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &image.Registry{Host: "registry.example", Transport: wires(func(req *http.Request) (*http.Response, error) {
				if req.URL.Path == "/v2/" {
					return answer(req, 200, "{}"), nil
				}
				return answer(req, status, `{"errors":[{"code":"UNSUPPORTED","message":"no"}]}`), nil
			})}
			for _, err := range r.Repositories(t.Context()) {
				var e *azward.Error
				if !errors.As(err, &e) || !strings.Contains(e.Remedy, "--repository") {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// Whatever a registry says of itself, tokens stay with it and its words are
// bounded.
func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer realm="https://auth.example/token",service="x",scope="a b"`, `</v2/_catalog?last=a>; rel="next"`, `{"errors":[{"code":"DENIED","message":"client with IP '1.2.3.4' is not allowed"}]}`)
	f.Add(`Basic realm="x`, `<`, `{`)
	f.Add(`Bearer realm="https://169.254.169.254/"`, `<//attacker.example/>; rel=next`, ``)
	f.Add(`Bearer realm="https://contoso.azurecr.io:8443/t"`, ``, `null`)
	f.Fuzz(func(t *testing.T, challenge, link, body string) {
		for _, host := range []string{azureHost, "registry.example"} {
			n := 0
			r := &image.Registry{Host: host, Auth: fixed{image.Credentials{IdentityToken: "secret-token"}}, Transport: wires(func(req *http.Request) (*http.Response, error) {
				if n++; n > 20_000 {
					t.Fatal("requests without end")
				}
				if req.Body != nil {
					raw, err := io.ReadAll(req.Body)
					if err != nil {
						t.Fatal(err)
					}
					form, err := url.ParseQuery(string(raw))
					if host == azureHost && req.URL.Host != host && (err != nil || form.Get("refresh_token") != "") {
						t.Errorf("the token goes to %s", req.URL.Host)
					}
				}
				if strings.HasPrefix(req.URL.Host, "169.254.") || req.URL.Scheme != "https" {
					t.Errorf("asked %s", req.URL)
				}
				if req.URL.Path == "/v2/" {
					return answer(req, 401, body, "Www-Authenticate", challenge), nil
				}
				return answer(req, 200, body, "Link", link), nil
			})}
			for _, err := range r.Tags(t.Context(), "app") {
				if err == nil {
					continue
				}
				var e *azward.Error
				if !errors.As(err, &e) || e.Remedy == "" || len(e.Error()) > 4000 || strings.Contains(e.Error(), "secret-token") {
					t.Errorf("%q", err)
				}
			}
		}
	})
}

// A manifest, an index or a configuration that is anything gives an image or
// an error that says what is wrong.
func FuzzManifest(f *testing.F) {
	d := "sha256:" + strings.Repeat("a", 64)
	for _, s := range []string{
		`{"schemaVersion":2,"config":{"digest":"` + d + `","size":2},"layers":[{"digest":"` + d + `","size":1}]}`,
		`{"schemaVersion":2,"manifests":[{"digest":"` + d + `","platform":{"os":"linux","architecture":"amd64"}}]}`,
		`{"schemaVersion":2,"manifests":[{"digest":"` + d + `","annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"` + d + `"}}]}`,
		`{"schemaVersion":1}`, `[]`, `{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"}}`,
		`{"rootfs":{"diff_ids":["x"]},"history":[{}],"config":{"Env":["A"]}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		n := 0
		r := &image.Registry{Host: "registry.example", Transport: wires(func(req *http.Request) (*http.Response, error) {
			if n++; n > 1_000 {
				t.Fatal("requests without end")
			}
			return answer(req, 200, body), nil
		})}
		ref := image.Reference{Kind: image.KindRegistry, Registry: "registry.example", Repository: "app", Tag: "1"}
		m, err := r.Open(ref).Resolve(t.Context(), image.Platform{})
		var e *azward.Error
		switch {
		case err != nil && (!errors.As(err, &e) || e.Remedy == ""):
			t.Errorf("%v", err)
		case err == nil && m.Digest == "":
			t.Errorf("%+v", m)
		}
		subject := azward.Digest("sha256:" + strings.Repeat("b", 64))
		if list, err := r.Referrers(t.Context(), "app", subject); err == nil && len(list) > 1_000 {
			t.Errorf("%d referrers", len(list))
		}
		if _, err := r.Platforms(t.Context(), ref); err != nil && !errors.As(err, &e) {
			t.Errorf("%v", err)
		}
	})
}

func mustAddr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
