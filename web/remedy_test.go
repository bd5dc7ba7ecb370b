package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRemedyParts(t *testing.T) {
	t.Parallel()
	words := func(text string) remedyPart { return remedyPart{Text: text + " "} }
	command := func(text string) remedyPart { return remedyPart{Command: text} }
	for _, c := range []struct {
		name, text string
		want       []remedyPart
	}{
		{"sentence_alone", "it may be gone since; start from the overview", []remedyPart{words("it may be gone since; start from the overview")}},
		{"command_alone", "az role assignment create --role Reader", []remedyPart{command("az role assignment create --role Reader")}},
		{
			"command_after_a_colon", "make a new secret and connect again: az ad app credential reset --id 1 --append",
			[]remedyPart{words("make a new secret and connect again:"), command("az ad app credential reset --id 1 --append")},
		},
		{
			"command_within_a_command_is_one", `az ad app permission add --api-permissions $(az ad sp show --query "appRoles[?value=='A.Read.All'].id" -o tsv)=Role && az ad app permission admin-consent --id 1`,
			[]remedyPart{command(`az ad app permission add --api-permissions $(az ad sp show --query "appRoles[?value=='A.Read.All'].id" -o tsv)=Role && az ad app permission admin-consent --id 1`)},
		},
		{
			"address", "let an administrator consent: https://login.microsoftonline.com/t/adminconsent?client_id=c",
			[]remedyPart{words("let an administrator consent:"), command("https://login.microsoftonline.com/t/adminconsent?client_id=c")},
		},
		{
			"between_backquotes", "copy it from `az account show` or from the portal's overview page",
			[]remedyPart{words("copy it from"), command("az account show"), words("or from the portal's overview page")},
		},
		{
			"in_parentheses", "check the tenant ID (az account show --query tenantId) and --cloud",
			[]remedyPart{words("check the tenant ID"), command("az account show --query tenantId"), words("and --cloud")},
		},
		{
			"one_then_another", "az policy definition list > d.json, then azward policy update --from d.json",
			[]remedyPart{command("az policy definition list > d.json"), words("then"), command("azward policy update --from d.json")},
		},
		{
			"goes_on_after_it", "azward advisory update, or without a network: azward advisory update --from BUNDLE",
			[]remedyPart{command("azward advisory update"), words("or without a network:"), command("azward advisory update --from BUNDLE")},
		},
		{"program_as_a_word", "write the report again; azward reads SARIF", []remedyPart{words("write the report again; azward reads SARIF")}},
		{"nothing", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, remedyParts(c.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// FuzzRemedyParts: nothing of a remedy is lost but the backquotes around
// commands.
func FuzzRemedyParts(f *testing.F) {
	f.Add("make a new secret: az ad app credential reset; or `azward doctor`, then az login")
	f.Add("``az a: az b, https://x")
	f.Fuzz(func(t *testing.T, text string) {
		var b strings.Builder
		for _, part := range remedyParts(text) {
			if part.Text != "" && part.Command != "" {
				t.Fatalf("%+v is both", part)
			}
			b.WriteString(part.Text + part.Command)
		}
		squeeze := strings.NewReplacer("`", "", ",", "", ";", "", "(", "", ")", "", " ", "", "\n", "", "\t", "")
		want, got := strings.Join(strings.Fields(squeeze.Replace(clean(text))), ""), strings.Join(strings.Fields(squeeze.Replace(b.String())), "")
		if want != got {
			t.Errorf("%q became %q", want, got)
		}
	})
}
