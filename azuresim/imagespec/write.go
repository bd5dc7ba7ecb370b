package imagespec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// inProcess is the host name of pushes that never reach a network.
const inProcess = "in-process.invalid"

// Push uploads every tag of the images to a registry handler in this process.
func Push(ctx context.Context, registry http.Handler, images []Image) error {
	if registry == nil {
		return errors.New("push images: there is no registry")
	}
	for _, img := range images {
		for _, tag := range img.Tags {
			ref, err := name.NewTag(inProcess+"/"+img.Repository+":"+tag, name.Insecure)
			if err != nil {
				return fmt.Errorf("push image %q: %w", img.Name, err)
			}
			if err := remote.Write(ref, img.Image, remote.WithContext(ctx), remote.WithTransport(direct{registry})); err != nil {
				return fmt.Errorf("push image %q: %w", img.Name, err)
			}
		}
	}
	return nil
}

// direct carries requests to a handler without a socket.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI, in.RemoteAddr = req.URL.RequestURI(), "127.0.0.1:0"
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	w := &answer{header: http.Header{}, status: http.StatusOK}
	d.handler.ServeHTTP(w, in)
	if err := in.Body.Close(); err != nil {
		return nil, fmt.Errorf("close the request's body: %w", err)
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: req,
	}, nil
}

type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// WriteLayout writes the tagged images into an OCI layout directory, each tag
// under its org.opencontainers.image.ref.name.
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md
func WriteLayout(dir string, images []Image) error {
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write layout %s: %w", dir, err)
	}
	for _, img := range images {
		for _, tag := range img.Tags {
			ref := map[string]string{"org.opencontainers.image.ref.name": img.Repository + ":" + tag}
			if err := p.AppendImage(img.Image, layout.WithAnnotations(ref)); err != nil {
				return fmt.Errorf("write image %q: %w", img.Name, err)
			}
		}
	}
	return nil
}

// WriteTarball writes the tagged images as docker save does. Names without a
// registry get Docker Hub's.
func WriteTarball(w io.Writer, images []Image) error {
	refs := map[name.Reference]v1.Image{}
	for _, img := range images {
		for _, tag := range img.Tags {
			full := img.Repository + ":" + tag
			if img.Registry != "" {
				full = img.Registry + "/" + full
			}
			ref, err := name.NewTag(full)
			if err != nil {
				return fmt.Errorf("write image %q: %w", img.Name, err)
			}
			refs[ref] = img.Image
		}
	}
	if err := tarball.MultiRefWrite(refs, w); err != nil {
		return fmt.Errorf("write tarball: %w", err)
	}
	return nil
}
