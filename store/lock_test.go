package store_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// TestMain lets the test binary play the other azward: with AZWARD_TEST_LOCK
// it takes the lock, says so, and waits for the end of its input.
func TestMain(m *testing.M) {
	if dir := os.Getenv("AZWARD_TEST_LOCK"); dir != "" {
		if _, err := store.LockScan(dir); err != nil {
			os.Exit(1)
		}
		os.Stdout.WriteString("locked\n")
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
			os.Exit(2)
		}
		os.Exit(0) // without releasing: the system does
	}
	os.Exit(m.Run())
}

func TestLockScan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, err := store.LockScan(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantHeld(t, dir, os.Getpid())
	if err := release(); err != nil {
		t.Fatal(err)
	}
	release, err = store.LockScan(dir)
	if err != nil {
		t.Fatal("it is not free after its release:", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockScanOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.CommandContext(t.Context(), self)
	other.Env = append(os.Environ(), "AZWARD_TEST_LOCK="+dir)
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "locked\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	wantHeld(t, dir, other.Process.Pid)
	if err := other.Process.Kill(); err != nil { // a crash
		t.Fatal(err)
	}
	if err := other.Wait(); err == nil {
		t.Error("the other process was not killed")
	}
	release, err := store.LockScan(dir)
	if err != nil {
		t.Fatal("a crash leaves the lock:", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func wantHeld(t *testing.T, dir string, pid int) {
	t.Helper()
	_, err := store.LockScan(dir)
	var e *azward.Error
	if !errors.As(err, &e) || e.Kind != azward.KindConflict {
		t.Fatalf("a second scan gets %v, want KindConflict", err)
	}
	if !strings.Contains(e.Cause, "process "+strconv.Itoa(pid)) || e.Remedy == "" {
		t.Errorf("cause %q does not name process %d", e.Cause, pid)
	}
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	abs, err := store.Prepare(dir)
	if err != nil || abs != dir {
		t.Fatalf("got %q, %v", abs, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("it leaves %v, %v", entries, err)
	}
	for _, bad := range []string{"", filepath.Join(os.DevNull, "x")} {
		_, err := store.Prepare(bad)
		var e *azward.Error
		if !errors.As(err, &e) || e.Kind != azward.KindFailed || !strings.Contains(e.Remedy, "--data") {
			t.Errorf("%q gives %v", bad, err)
		}
	}
}
