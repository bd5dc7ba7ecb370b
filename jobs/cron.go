package jobs

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/netresearch/go-cron"
)

// cronFields are the parts of a cron text, in their order.
var cronFields = []struct{ name, takes string }{
	{"minute", "0 to 59"},
	{"hour", "0 to 23"},
	{"day of the month", "1 to 31"},
	{"month", "1 to 12, or JAN to DEC"},
	{"day of the week", "0 to 6, or SUN to SAT"},
}

// whereWrong says which field of a cron text is wrong, and where it stands;
// err is what the parser says of the whole.
func whereWrong(text string, err error) string {
	zone, rest := cronZone(text)
	switch fields, places := fieldsOf(rest); {
	case zone != "":
		if _, failed := cron.ParseStandard(zone + " * * * * *"); failed != nil {
			return fmt.Sprintf("character 1: %.60q: %v", zone, failed)
		}
		fallthrough
	case len(fields) > 0 && !strings.HasPrefix(fields[0], "@"):
		if len(fields) != len(cronFields) {
			return fmt.Sprintf("it has %d fields and not %d: minute, hour, day of the month, month, day of the week", len(fields), len(cronFields))
		}
		for i, field := range fields {
			alone := []string{"*", "*", "*", "*", "*"}
			alone[i] = field
			if _, failed := cron.ParseStandard(strings.Join(alone, " ")); failed != nil {
				return fmt.Sprintf("character %d, the %s %.20q: it takes %s (%v)", len([]rune(text[:len(text)-len(rest)]))+places[i], cronFields[i].name, field, cronFields[i].takes, failed)
			}
		}
	case len(fields) == 0:
		return "it is empty"
	}
	return err.Error()
}

// cronZone cuts CRON_TZ=… off.
func cronZone(text string) (zone, rest string) {
	if !strings.HasPrefix(text, "CRON_TZ=") && !strings.HasPrefix(text, "TZ=") {
		return "", text
	}
	zone, rest, _ = strings.Cut(text, " ")
	return zone, rest
}

// fieldsOf are the words of a text, and at which character each begins, from 1.
func fieldsOf(text string) (fields []string, places []int) {
	inside := false
	for i, r := range []rune(text) {
		if unicode.IsSpace(r) {
			inside = false
			continue
		}
		if !inside {
			fields, places, inside = append(fields, ""), append(places, i+1), true
		}
		fields[len(fields)-1] += string(r)
	}
	return fields, places
}
