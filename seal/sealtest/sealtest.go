// Package sealtest is the contract of seal.Provider: each provider's test
// calls [Run].
package sealtest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/seal"
)

// Keys opens the providers that a test of the contract needs.
type Keys struct {
	// Open returns a provider over the same key each time it is called, as a
	// restarted process would.
	Open func() seal.Provider
	// Other returns a provider over another key.
	Other func() seal.Provider
}

// Run checks a provider; keys gives fresh keys for each part.
func Run(t *testing.T, keys func(t *testing.T) Keys) {
	t.Helper()
	for _, part := range []struct {
		name string
		test func(*testing.T, Keys)
	}{
		{"opens_what_it_sealed", opensWhatItSealed},
		{"opens_after_a_restart", opensAfterRestart},
		{"seals_differently_each_time", sealsDifferently},
		{"refuses_another_key", refusesAnotherKey},
		{"refuses_another_place", refusesAnotherPlace},
		{"refuses_damage_anywhere", refusesDamage},
		{"is_safe_for_concurrent_use", concurrent},
		{"hides_the_data_key", hidesDataKey},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, keys(t)) })
	}
}

func sealed(t *testing.T, p seal.Provider, value, bound string) []byte {
	t.Helper()
	b, err := seal.Box{Provider: p}.Seal(t.Context(), seal.NewSecret(value), bound)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func opensWhatItSealed(t *testing.T, keys Keys) {
	p := keys.Open()
	for _, value := range []string{"", "hunter2", strings.Repeat("long ", 100_000), "\x00\xff bytes"} {
		got, err := seal.Box{Provider: p}.Open(t.Context(), sealed(t, p, value, "connection/prod"), "connection/prod")
		if err != nil {
			t.Fatal(err)
		}
		if got.Reveal() != value {
			t.Errorf("opened %.20q, want %.20q", got.Reveal(), value)
		}
	}
}

func opensAfterRestart(t *testing.T, keys Keys) {
	b := sealed(t, keys.Open(), "hunter2", "x")
	got, err := seal.Box{Provider: keys.Open()}.Open(t.Context(), b, "x")
	if err != nil || got.Reveal() != "hunter2" {
		t.Errorf("opened %q, %v", got.Reveal(), err)
	}
}

func sealsDifferently(t *testing.T, keys Keys) {
	p := keys.Open()
	if bytes.Equal(sealed(t, p, "hunter2", "x"), sealed(t, p, "hunter2", "x")) {
		t.Error("the same secret gives the same bytes twice: who reads them learns which connections share one")
	}
	if bytes.Contains(sealed(t, p, "hunter2", "x"), []byte("hunter2")) {
		t.Error("the secret stands in what was sealed")
	}
}

func refusesAnotherKey(t *testing.T, keys Keys) {
	other := keys.Other()
	sealed(t, other, "wakes the other key", "x")
	_, err := seal.Box{Provider: other}.Open(t.Context(), sealed(t, keys.Open(), "hunter2", "x"), "x")
	advice(t, err)
	if err != nil && !strings.Contains(err.Error(), "key") {
		t.Errorf("the error does not speak of the key: %v", err)
	}
}

func refusesAnotherPlace(t *testing.T, keys Keys) {
	p := keys.Open()
	_, err := seal.Box{Provider: p}.Open(t.Context(), sealed(t, p, "hunter2", "connection/prod"), "connection/test")
	advice(t, err)
}

func refusesDamage(t *testing.T, keys Keys) {
	p := keys.Open()
	whole := sealed(t, p, "hunter2", "x")
	for at := range whole {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x40
		if _, err := (seal.Box{Provider: p}).Open(t.Context(), damaged, "x"); err == nil {
			t.Fatalf("opened with byte %d changed", at)
		}
		if _, err := (seal.Box{Provider: p}).Open(t.Context(), whole[:at], "x"); err == nil {
			t.Fatalf("opened with only %d bytes", at)
		}
	}
}

func concurrent(t *testing.T, keys Keys) {
	p := keys.Open()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			box := seal.Box{Provider: p}
			b, err := box.Seal(context.WithoutCancel(t.Context()), seal.NewSecret("hunter2"), "x")
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := box.Open(context.WithoutCancel(t.Context()), b, "x"); err != nil || got.Reveal() != "hunter2" {
				t.Errorf("opened %q, %v", got.Reveal(), err)
			}
		})
	}
	group.Wait()
}

func hidesDataKey(t *testing.T, keys Keys) {
	p := keys.Open()
	dataKey := bytes.Repeat([]byte("data key"), 4)
	wrapped, err := p.Wrap(t.Context(), dataKey)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(wrapped, []byte("data key")) {
		t.Error("the data key stands in what wraps it")
	}
	got, err := p.Unwrap(t.Context(), wrapped)
	if err != nil || !bytes.Equal(got, dataKey) {
		t.Errorf("unwrapped %q, %v", got, err)
	}
}

// advice fails the test unless err is one that a person can act on and that
// does not quote the secret.
func advice(t *testing.T, err error) {
	t.Helper()
	var e *azward.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *azward.Error", err)
	}
	if e.Cause == "" || e.Remedy == "" {
		t.Errorf("the error lacks cause or remedy: %+v", e)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error quotes the secret: %v", err)
	}
}
