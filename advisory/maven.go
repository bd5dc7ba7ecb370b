package advisory

import "strings"

// mavenOrders says whether Maven's rules give two versions an order that goes
// together with the order of others. They do not where a word after a dot
// meets something after a dash: 1.x is below 1-rc, 1-rc is below 1, and 1 is
// below 1.x.
//
// Source: https://maven.apache.org/pom.html#version-order-specification
func mavenOrders(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if hole(a) || hole(b) {
		return false
	}
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	cut := same < len(a) && letter(a[same]) || same < len(b) && letter(b[same])
	for cut && same > 0 && letter(a[same-1]) { // back to where the word begins
		same--
	}
	if cut && same > 0 && separator(a[same-1]) {
		same--
	}
	x, atX := mavenWord(a[same:])
	y, atY := mavenWord(b[same:])
	if x == 0 || y == 0 {
		return x != '?' && y != '?'
	}
	// 1 is below 1.x, which is below 1.0.rc, which is below 1.0: a word counts
	// more or less than nothing as zeros stand before it or not.
	zeros := func(beginning string) bool { return strings.Trim(beginning, ".0") == "" }
	return x == y && x != '?' && (x == '-' || atX == atY || !zeros(a[same:same+atX]) || !zeros(b[same:same+atY]))
}

// hole says whether there is nothing between two separators.
func hole(text string) bool {
	for i := 1; i < len(text); i++ {
		if separator(text[i]) && separator(text[i-1]) {
			return true
		}
	}
	return false
}

func separator(c byte) bool { return c == '.' || c == '-' }

// mavenWord gives what stands before the first word that counts, or number
// after a dash: '.' or '-'; 0 when there is none. Between a digit and a letter
// there is a dash unsaid. At is where that stands.
func mavenWord(text string) (before byte, at int) {
	for i := 0; i < len(text); i++ {
		if text[i] == '-' && i+1 < len(text) && digit(text[i+1]) {
			return '-', i
		}
		if !letter(text[i]) {
			continue
		}
		before = '-'
		if i > 0 && text[i-1] == '.' {
			before = '.'
		}
		end := i
		for end < len(text) && letter(text[end]) {
			end++
		}
		switch text[i:end] {
		case "final", "ga", "release": // say nothing
			if i = end; end == len(text) {
				return 0, 0
			}
			switch next := text[end]; {
			case digit(next):
				return '-', end
			case next == '.':
				return '?', end // what follows counts as nowhere else
			}
		default:
			return before, i
		}
	}
	return 0, 0
}

func letter(c byte) bool { return !digit(c) && !separator(c) }
