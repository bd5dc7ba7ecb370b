package azurepolicy_test

import (
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/policy/azurepolicy"
)

// TestSecretsAreNotCompared: estates keep no secrets. That one is set is known,
// and what it is compared to is not.
func TestSecretsAreNotCompared(t *testing.T) {
	t.Parallel()
	const yes, no, open = azurepolicy.Fail, azurepolicy.Pass, azurepolicy.Unknown
	e := sampleEstate(t, azward.SourceARM, strings.Replace(sample, `"text":"Contoso-01"`, `"adminPassword":"hunter2"`, 1))
	list := readAliases(t, sampleAliases+"Microsoft.Test/resourceType/adminPassword,properties.adminPassword")
	for name, tc := range map[string]struct {
		test string
		want azurepolicy.State
	}{
		"is_set":                  {`"exists":"true"`, yes},
		"is_not_empty":            {`"equals":""`, no},
		"is_no_reference":         {`"like":"@Microsoft.KeyVault(*"`, no},
		"is_no_reference_negated": {`"notLike":"@Microsoft.KeyVault(*"`, yes},
		"equals_something":        {`"equals":"hunter2"`, open},
		"equals_what_is_shown":    {`"equals":"[[redacted]"`, open},
		"differs_from_something":  {`"notEquals":"x"`, open},
		"is_one_of":               {`"in":["hunter2","x"]`, open},
		"holds":                   {`"contains":"hunter"`, open},
		"looks_like_something":    {`"like":"hunter*"`, open},
		"less_than":               {`"less":"z"`, open},
	} {
		p, err := audit(t, `{"field":"Microsoft.Test/resourceType/adminPassword",`+tc.test+`}`, azurepolicy.Options{Aliases: list})
		if err != nil {
			t.Fatal(err)
		}
		if got := only(t, e, p); got.State != tc.want {
			t.Errorf("%s: %s (%s), want %s", name, got.State, got.Reason, tc.want)
		}
	}
}
