package estate

// Memo builds what can be computed from the estate once for each key, such as
// an index: the key's type names it. An estate whose lookups are tracked
// builds it anew, so that what it was made of is noted.
func Memo[K comparable, V any](e *Estate, key K, build func(*Estate) V) V {
	if e.tracker != nil {
		return build(e)
	}
	if held, ok := e.memos.Load(key); ok {
		if v, ok := held.(V); ok {
			return v
		}
	}
	v := build(e)
	e.memos.Store(key, v) // a race lost here only means that it is built once more
	return v
}
