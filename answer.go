package azward

import "fmt"

// Answer is a three-valued truth (strong Kleene logic). Its zero value is
// Unknown, so that a fact nobody read cannot become a claim.
type Answer int8

// The three answers. Order carries no meaning; use [All] and [Any].
const (
	Unknown Answer = iota // not read, not readable, or not understood
	No
	Yes
)

// String returns "unknown", "no" or "yes", as used in JSON and on the page.
func (a Answer) String() string {
	switch a {
	case No:
		return "no"
	case Yes:
		return "yes"
	default:
		return "unknown"
	}
}

// MarshalText writes the answer as [Answer.String] does.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads "unknown", "no" or "yes".
func (a *Answer) UnmarshalText(text []byte) error {
	parsed, err := ParseAnswer(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// ParseAnswer reads "unknown", "no" or "yes".
func ParseAnswer(s string) (Answer, error) {
	switch s {
	case "unknown":
		return Unknown, nil
	case "no":
		return No, nil
	case "yes":
		return Yes, nil
	}
	return Unknown, &Error{
		Kind: KindUsage, Op: "read answer", Subject: fmt.Sprintf("%q", s),
		Cause: "it is none of yes, no and unknown", Remedy: "use yes, no or unknown",
	}
}

// Not turns yes into no and no into yes; unknown stays unknown.
func Not(a Answer) Answer {
	switch a {
	case No:
		return Yes
	case Yes:
		return No
	default:
		return Unknown
	}
}

// All is No when any answer is No, Yes when there are answers and all are
// Yes, and Unknown otherwise. No answers at all is Unknown: no claim without
// proof.
func All(answers ...Answer) Answer {
	result := Yes
	if len(answers) == 0 {
		return Unknown
	}
	for _, a := range answers {
		switch a {
		case No:
			return No
		case Unknown:
			result = Unknown
		}
	}
	return result
}

// Any is Yes when any answer is Yes, No when there are answers and all are
// No, and Unknown otherwise. A caller that has enumerated nothing must prove
// the emptiness itself: Any() is Unknown.
func Any(answers ...Answer) Answer {
	result := No
	if len(answers) == 0 {
		return Unknown
	}
	for _, a := range answers {
		switch a {
		case Yes:
			return Yes
		case Unknown:
			result = Unknown
		}
	}
	return result
}
