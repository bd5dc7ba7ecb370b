package estate

// Memo builds what can be computed from the estate once for each key, such as
// an index: the key's type names it. An estate whose lookups are tracked builds
// its own, so that what it was made of is noted.
func Memo[K comparable, V any](e *Estate, key K, build func(*Estate) V) V {
	memos := &e.memos
	if e.tracker != nil {
		if e.noted == nil {
			return build(e)
		}
		memos = e.noted
	}
	if held, ok := memos.Load(key); ok {
		if v, ok := held.(V); ok {
			return v
		}
	}
	v := build(e)
	memos.Store(key, v) // a race lost here only means that it is built once more
	return v
}
