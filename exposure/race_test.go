//go:build race

package exposure

// everyNth of the cases is taken apart fact by fact under the race detector,
// which makes each ten times as slow and looks for something else.
const everyNth = 6
