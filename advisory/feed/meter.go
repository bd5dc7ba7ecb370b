package feed

import "sync"

// Transfer says how far the downloads are.
type Transfer struct {
	File     string // that bytes came of
	Received int64  // bytes of this run
	Left     int64  // bytes of the files that have begun, as far as servers tell
	Done     int    // files that are done, of all that are wanted
	Files    int
}

// meter sums up downloads that go on at once. Its function is called by one at
// a time.
type meter struct {
	told func(Transfer)

	mu    sync.Mutex
	left  map[string]int64
	state Transfer
}

func (m *meter) start(name string, have, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == nil {
		m.left = map[string]int64{}
	}
	left := max(total-have, 0)
	m.state.Left += left - m.left[name]
	m.left[name] = left
}

func (m *meter) add(name string, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.File = name
	m.state.Received += n
	gone := min(n, m.left[name])
	m.left[name] -= gone
	m.state.Left -= gone
	m.tell()
}

// want counts files that are to come; done one that came, or will not.
func (m *meter) want(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Files += n
	m.tell()
}

func (m *meter) done(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Done++
	m.state.Left -= m.left[name]
	delete(m.left, name)
	m.tell()
}

func (m *meter) tell() {
	if m.told != nil {
		m.told(m.state)
	}
}

func (m *meter) received() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Received
}
