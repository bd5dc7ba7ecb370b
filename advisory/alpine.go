package advisory

import "strings"

// isAlpine says whether text is a version as Alpine's packages have them:
// 1.2.3b_rc1_p2~abcdef-r4. The library compares two versions that are not as
// texts, but one that is not with one that is by parts: that is no order.
//
// Source: https://wiki.alpinelinux.org/wiki/APKBUILD_Reference#pkgver
func isAlpine(text string) bool {
	for {
		n := number(text)
		if n == 0 {
			return false
		}
		text = text[n:]
		rest, dot := strings.CutPrefix(text, ".")
		if !dot {
			break
		}
		text = rest
	}
	if text != "" && text[0] >= 'a' && text[0] <= 'z' {
		text = text[1:]
	}
	for strings.HasPrefix(text, "_") {
		n := alpineSuffix(text[1:])
		if n == 0 {
			return false
		}
		text = text[1+n:]
		text = text[number(text):]
	}
	if rest, ok := strings.CutPrefix(text, "~"); ok {
		end := strings.IndexFunc(rest, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return false
		}
		text = rest[end:]
	}
	if rest, ok := strings.CutPrefix(text, "-r"); ok {
		n := number(rest)
		return n > 0 && n == len(rest)
	}
	return text == ""
}

// alpineSuffix is the length of the suffix's name; 0 when it is none.
func alpineSuffix(text string) int {
	for _, name := range [...]string{"alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"} {
		if strings.HasPrefix(text, name) {
			return len(name)
		}
	}
	return 0
}
