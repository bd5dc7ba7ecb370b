package workspace

import (
	"context"
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

// Kinds of jobs that people start, and schedule.
const (
	ScanJob     = "scan"     // a connection's name
	RegistryJob = "registry" // a login server
	ImageJob    = "image"    // a reference in a registry
)

// Target is what a job is to read.
type Target struct {
	Kind    string
	Subject string // in the one form that jobs have it
	// Host is the registry; "" for a connection.
	Host string
	// Known says that the host was read before.
	Known bool
}

// Target checks what a job is to read: a connection that there is, a login
// server, or an image in a registry.
func (w *Workspace) Target(ctx context.Context, kind, subject string) (Target, error) {
	subject = strings.TrimSpace(subject)
	switch t := (Target{Kind: kind, Subject: subject}); kind {
	case ScanJob:
		return t, w.isConnection(ctx, subject)
	case RegistryJob:
		host, err := loginServer(subject)
		t.Subject, t.Host = host, host
		if err != nil {
			return t, err
		}
		return w.knownHost(ctx, t)
	case ImageJob:
		ref, err := image.ParseReference(subject)
		if err == nil && (ref.Kind != image.KindRegistry || ref.Registry == "") {
			err = &azward.Error{Kind: azward.KindUsage, Op: "read image reference", Subject: fmt.Sprintf("%.200q", subject), Cause: "it names a file, and the hub reads images of registries alone", Remedy: "use contoso.azurecr.io/shop/cart:1.4; for a file: azward image scan " + shell(subject)}
		}
		if err != nil {
			return t, err
		}
		t.Subject, t.Host = ref.String(), ref.Registry
		return w.knownHost(ctx, t)
	}
	return Target{}, &azward.Error{Kind: azward.KindUsage, Op: "start job", Subject: fmt.Sprintf("%.60q", kind), Cause: "nobody starts such a job", Remedy: "use scan, registry or image"}
}

// shell keeps a subject short and on one line.
func shell(s string) string { return fmt.Sprintf("%.100q", s) }

func (w *Workspace) isConnection(ctx context.Context, name string) error {
	list, err := w.Store.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Name == name {
			return nil
		}
	}
	return &azward.Error{Kind: azward.KindNotFound, Op: "find connection", Subject: fmt.Sprintf("%.60q", name), Cause: "there is no such connection", Remedy: "choose one of the list, or connect a tenant first"}
}

// loginServer gives the host of a registry in lower case.
func loginServer(text string) (string, error) {
	host := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(text, "https://"), "/"))
	ref, err := image.ParseReference(host + "/repository")
	if err != nil || ref.Registry != host {
		return "", &azward.Error{
			Kind: azward.KindUsage, Op: "read login server", Subject: fmt.Sprintf("%.100q", text), Cause: "a login server looks like contoso.azurecr.io",
			Remedy: "az acr list --query \"[].loginServer\" prints yours", Err: err,
		}
	}
	return host, nil
}

func (w *Workspace) knownHost(ctx context.Context, t Target) (Target, error) {
	hosts, err := w.Store.Registries(ctx)
	_, t.Known = hosts[t.Host]
	return t, err
}
