package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/azward/azward/image"
	"github.com/azward/azward/store/sqlite"
)

// asProgram makes the test binary be azward itself: for tests that kill it.
const asProgram = "AZWARD_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(within(m))
}

// within runs the tests with a folder for what they share.
func within(m *testing.M) (code int) {
	var err error
	if demoOnce.folder, err = os.MkdirTemp("", "azward-demo-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	if err := os.RemoveAll(demoOnce.folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// slowRegistry serves images of random layers on loopback, counts the blobs
// that are asked for, and holds back those after the first few until told.
type slowRegistry struct {
	host string

	mu      sync.Mutex
	asked   map[string]int // by digest
	layers  int            // requests for layers so far
	holdAt  int            // from this one on; 0 never
	release chan struct{}
}

func newSlowRegistry(t *testing.T, images, layersEach int) *slowRegistry {
	t.Helper()
	r := &slowRegistry{asked: map[string]int{}, release: make(chan struct{})}
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	configs := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if i := strings.LastIndex(q.URL.Path, "/blobs/"); i > 0 && q.Method == http.MethodGet && !configs[q.URL.Path[i+7:]] {
			r.mu.Lock()
			r.asked[q.URL.Path[i+7:]]++
			r.layers++
			hold := r.holdAt > 0 && r.layers > r.holdAt
			r.mu.Unlock()
			if hold {
				select {
				case <-r.release:
				case <-q.Context().Done():
					return
				}
			}
		}
		inner.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(sync.OnceFunc(func() { close(r.release) }))
	r.host = strings.TrimPrefix(server.URL, "http://")
	for i := range images {
		img := empty.Image
		for range layersEach {
			layer, err := random.Layer(64<<10, types.DockerLayer)
			if err == nil {
				img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "COPY . /srv # buildkit"}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		config, err := img.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		configs[config.String()] = true
		ref, err := name.ParseReference(r.host+"/shop/svc"+string(rune('a'+i))+":1", name.Insecure)
		if err == nil {
			err = remote.Write(ref, img)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// TestRegistryScanKilled: kill -9 in the middle; the next run reads no layer
// again that had finished.
func TestRegistryScanKilled(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t) // for its advisories
	r := newSlowRegistry(t, 4, 3)
	r.holdAt = 6
	killed := exec.CommandContext(t.Context(), os.Args[0], "--data", data, "registry", "scan", r.host, "--plain-http", "--quiet")
	killed.Env = append(os.Environ(), asProgram+"=1")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	kept := func() map[string]bool {
		s, err := sqlite.Open(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		finished := map[string]bool{}
		r.mu.Lock()
		defer r.mu.Unlock()
		for digest := range r.asked {
			_, ok, err := s.Layer(t.Context(), "layer/"+image.ExtractorsVersion+"/"+digest)
			if err != nil {
				t.Error(err)
			}
			finished[digest] = ok
		}
		return finished
	}
	deadline := time.Now().Add(30 * time.Second)
	for count(kept()) < 4 {
		if time.Now().After(deadline) {
			t.Fatal("the scan kept no layer within 30 s")
		}
		time.Sleep(20 * time.Millisecond) // another process is watched: nothing else tells
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := killed.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the scan ended by itself: %v", err)
	}
	finished := kept()
	r.mu.Lock()
	r.asked, r.holdAt = map[string]int{}, 0
	r.mu.Unlock()
	code, out, errs := runIn(t, data, "registry", "scan", r.host, "--plain-http")
	if code != 0 || !strings.Contains(out, "4 repositories, 4 tags, 4 images") {
		t.Fatalf("exit code %d: %s %s", code, out, errs)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for digest, was := range finished {
		if was && r.asked[digest] > 0 {
			t.Errorf("layer %s was finished and is read again", digest)
		}
	}
}

func count(m map[string]bool) (n int) {
	for _, yes := range m {
		if yes {
			n++
		}
	}
	return n
}

// TestRegistryCommands: the demo's registry as a user follows it.
func TestRegistryCommands(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	r := newSlowRegistry(t, 2, 1)
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string // in stdout or stderr
	}{
		{"never_scanned", []string{"registry", "show", r.host}, 1, "hint: azward registry scan " + r.host},
		{"no_host", []string{"registry", "scan", "https://a/b/c"}, 2, "az acr show --query loginServer"},
		{"unknown_condition", []string{"registry", "scan", r.host, "--fail-on", "scary"}, 2, "low, medium, high, critical, kev, fixable"},
		{"plain_http_is_asked_for", []string{"registry", "scan", r.host}, 1, "azward: "},
		{"scan", []string{"registry", "scan", r.host, "--plain-http", "--fail-on", "low"}, 0, "2 images read, 0 known"},
		{"scan_again", []string{"registry", "scan", r.host, "--plain-http"}, 0, "0 images read, 2 known; 0 layers read"},
		{"one_repository", []string{"registry", "scan", r.host, "--plain-http", "--repository", "shop/*a"}, 0, "0 images read, 1 known"},
		{"show", []string{"registry", "show", r.host}, 0, "2 repositories, 2 tags, 2 images"},
		{"show_repository", []string{"registry", "show", r.host + "/shop/svca"}, 0, "newest first"},
		{"show_image", []string{"registry", "show", r.host + "/shop/svca:1"}, 0, "COPY . /srv"},
		{"show_nothing", []string{"registry", "show", r.host + "/shop/nope:1"}, 1, "no such repository, tag or digest"},
		{"list", []string{"registry", "list"}, 0, r.host},
	} {
		code, out, errs := runIn(t, data, tc.args...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s%s", tc.name, code, tc.code, tc.want, out, errs)
		}
	}
	code, out, errs := runIn(t, data, "registry", "show", r.host, "--output", "json")
	var got struct {
		Images []struct{ Name string }
		Idle   []string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit code %d: %v %s", code, err, errs)
	}
	if len(got.Images) != 2 || len(got.Idle) != 2 {
		t.Errorf("JSON shows %+v", got)
	}
}

// TestRegistryInterrupted ends with 130 and a registry that can be scanned again.
func TestRegistryInterrupted(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	r := newSlowRegistry(t, 1, 2)
	r.holdAt = 1
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			r.mu.Lock()
			held := r.layers > 1
			r.mu.Unlock()
			if held {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	var out, errs strings.Builder
	code := run(ctx, []string{"--data", data, "registry", "scan", r.host, "--plain-http"}, strings.NewReader(""), &out, &errs, func(string) string { return "" })
	if code != 130 || !strings.Contains(errs.String(), "what was saved before stands") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
