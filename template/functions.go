package template

import (
	"crypto/sha1" //nolint:gosec // RFC 4122 names it for UUIDs of version 5
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

type argument = azurepolicy.Argument

// function that depends on where it stands, or that policy rules do not have.
type function struct {
	least, most int // arguments; most -1 for any number
	run         func(*frame, []argument) value
}

// contextual tells the parser which functions [frame.Call] answers.
func contextual(name string) bool {
	return functions[name].run != nil || strings.Contains(name, ".") || strings.HasPrefix(name, "list")
}

var functions map[string]function

func init() { // a variable would refer to itself through frame.Call
	functions = map[string]function{
		"parameters": {1, 1, named((*frame).parameter)}, "variables": {1, 1, named((*frame).variableOf)},
		"copyindex": {0, 2, (*frame).copyIndex}, "lambdavariables": {1, 1, named((*frame).lambdaVariable)},

		"resourceid": {2, -1, (*frame).resourceID}, "subscriptionresourceid": {2, -1, (*frame).subscriptionResourceID},
		"tenantresourceid": {2, -1, (*frame).tenantResourceID}, "extensionresourceid": {3, -1, (*frame).extensionResourceID},
		"managementgroupresourceid": {2, -1, (*frame).managementGroupResourceID},

		"resourcegroup": {0, 0, (*frame).resourceGroup}, "subscription": {0, 0, (*frame).subscription},
		"managementgroup": {0, 0, (*frame).managementGroup}, "tenant": {0, 0, (*frame).tenant},
		"deployment": {0, 0, (*frame).deployment}, "environment": {0, 0, (*frame).environment}, "deployer": {0, 0, later("deployer")},

		"reference": {1, 3, (*frame).reference}, "references": {1, 2, later("references")},
		"pickzones": {3, 5, later("pickZones")}, "providers": {1, 2, later("providers")},
		"tologicalzone": {3, 3, later("toLogicalZone")}, "tologicalzones": {3, 3, later("toLogicalZones")},
		"tophysicalzone": {3, 3, later("toPhysicalZone")}, "tophysicalzones": {3, 3, later("toPhysicalZones")},
		"externalinput": {1, 2, later("externalInput")}, "fail": {1, 1, (*frame).fail},

		"utcnow": {0, 1, (*frame).utcNow}, "newguid": {0, 0, (*frame).newGUID},
		"guid": {1, -1, texts(guid)}, "uniquestring": {1, -1, texts(uniqueString)},
		"datetimeadd": {2, 3, dateTimeAdd}, "datetimefromepoch": {1, 1, dateTimeFromEpoch}, "datetimetoepoch": {1, 1, dateTimeToEpoch},
		"uri": {2, 2, uriOf},

		"cidrsubnet": {3, 3, cidrSubnet}, "cidrhost": {2, 2, cidrHost}, "parsecidr": {1, 1, parseCIDR},

		"lambda": {1, -1, loneLambda}, "map": {2, 2, (*frame).mapList}, "filter": {2, 2, (*frame).filter}, "reduce": {3, 3, (*frame).reduce}, "sort": {2, 2, (*frame).sort},
		"toobject": {2, 3, (*frame).toObject}, "groupby": {2, 2, (*frame).groupBy}, "mapvalues": {2, 2, (*frame).mapValues},
		"tryget": {2, -1, tryGet}, "indexfromend": {2, 2, indexFromEnd}, "tryindexfromend": {2, 2, tryIndexFromEnd},
	}
}

// Call answers a function of an expression.
func (f *frame) Call(name string, args []argument) value {
	if strings.Contains(name, ".") {
		return f.userFunction(name, args)
	}
	fn := functions[name]
	switch {
	case fn.run != nil:
	case strings.HasPrefix(name, "list"):
		return unknown("%s() is known when it is deployed, and not before", name)
	default:
		return refused("there is no function %.80q", name)
	}
	if len(args) < fn.least || fn.most >= 0 && len(args) > fn.most {
		return refused("%s() does not take %d arguments", name, len(args))
	}
	return fn.run(f, args)
}

func (f *frame) variableOf(name string) value {
	if f.function != nil {
		return refused("a function cannot use variables")
	}
	return f.variable(name)
}

func (f *frame) lambdaVariable(name string) value {
	if v, ok := f.lambda[strings.ToLower(name)]; ok {
		return v
	}
	return refused("no lambda around has a variable %.80q", name)
}

// named functions take one name.
func named(find func(*frame, string) value) func(*frame, []argument) value {
	return func(f *frame, args []argument) value {
		v := args[0].Value()
		name, ok := v.Text()
		if _, is := v.Unknown(); is {
			return v
		}
		if !ok {
			return refused("a name is wanted")
		}
		return find(f, name)
	}
}

// later functions answer when it is deployed.
func later(name string) func(*frame, []argument) value {
	return func(*frame, []argument) value {
		return unknown("%s() is known when it is deployed, and not before", name)
	}
}

// texts computes a function of texts; what of them is not known makes a text
// that is not known.
func texts(of func([]string) value) func(*frame, []argument) value {
	return func(_ *frame, args []argument) value {
		all, values := make([]string, len(args)), make([]value, len(args))
		partly := false
		for i, a := range args {
			values[i] = a.Value()
			s, ok := values[i].Scalar()
			_, is := values[i].Unknown()
			switch {
			case is && values[i].Refused():
				return values[i]
			case !ok && !is:
				return refused("texts are wanted")
			}
			partly = partly || is || estate.PartlyLater(s)
			all[i] = s
		}
		if partly {
			return azurepolicy.SymbolicText("texts", values...)
		}
		return of(all)
	}
}

// guidNamespace is what guid() makes names in.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-string#guid
var guidNamespace = [16]byte{0x11, 0xfb, 0x06, 0xfb, 0x71, 0x2d, 0x4d, 0xdd, 0x98, 0xc7, 0xe7, 0x1b, 0xbd, 0x58, 0x88, 0x30}

// guid is a UUID of version 5 of the texts with dashes between.
func guid(of []string) value {
	h := sha1.New() //nolint:gosec // see above
	_, _ = h.Write(guidNamespace[:])
	_, _ = h.Write([]byte(strings.Join(of, "-")))
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	s := hex.EncodeToString(b)
	return azurepolicy.TextValue(s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:])
}

// uniqueString is a hash that Azure does not document: the same for the same
// texts, and not known before it is deployed.
func uniqueString(of []string) value {
	values := make([]value, len(of))
	for i, s := range of {
		values[i] = azurepolicy.TextValue(s)
	}
	return azurepolicy.SymbolicText("uniqueString", values...)
}

// uriOf makes an address beside another one. Beside the template itself it is
// known, whatever server that is on.
func uriOf(f *frame, args []argument) value {
	values := all(args)
	base, _ := values[0].Text()
	rest, ok := values[1].Text()
	if ok && strings.HasPrefix(base, linkBase) {
		return uri([]string{base, rest})
	}
	return texts(uri)(f, args)
}

func uri(of []string) value {
	base, rest := of[0], of[1]
	if strings.HasSuffix(base, "/") {
		return azurepolicy.TextValue(base + strings.TrimPrefix(rest, "/"))
	}
	scheme := strings.Index(base, "://") + 3
	if at := strings.LastIndexByte(base, '/'); at >= scheme {
		base = base[:at]
	}
	return azurepolicy.TextValue(base + "/" + strings.TrimPrefix(rest, "/"))
}

// copyIndex is where a loop stands.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-numeric#copyindex
func (f *frame) copyIndex(args []argument) value {
	name, offset := "", 0.0
	for _, a := range args {
		v := a.Value()
		if s, ok := v.Text(); ok {
			name = s
			continue
		}
		n, ok := v.Number()
		if _, is := v.Unknown(); is {
			return v
		}
		if !ok {
			return refused("copyIndex() takes the name of a loop and a number")
		}
		offset = n
	}
	at := -1
	for i := len(f.copies) - 1; i >= 0 && at < 0; i-- {
		if c := f.copies[i]; name != "" && strings.EqualFold(c.name, name) || name == "" && !c.property {
			at = i
		}
	}
	if at < 0 && name == "" {
		at = len(f.copies) - 1
	}
	if at < 0 {
		return refused("copyIndex() stands in no loop of this name")
	}
	n, ok := f.copies[at].index.Number()
	if !ok {
		return f.copies[at].index
	}
	return azurepolicy.NumberValue(n + offset)
}

func (f *frame) fail([]argument) value { return refused("the template fails by itself") }

func (f *frame) newGUID([]argument) value { return azurepolicy.SymbolicText("newGuid") }

// segment is a name within an ID: of one that is not known a text that is not.
func segment(v value) string {
	if s, ok := v.Scalar(); ok && s != "" {
		return s
	}
	return estate.LaterName
}

// joinID makes an ID of a scope, a type and the names of its parts.
func joinID(scope, kind string, names []string) (string, error) {
	parts := strings.Split(strings.Trim(kind, "/"), "/")
	if len(parts)-1 != len(names) || len(names) == 0 {
		return "", fmt.Errorf("the type %.120q takes %d names, and there are %d", kind, len(parts)-1, len(names))
	}
	low := strings.ToLower(kind)
	switch low {
	case "microsoft.resources/resourcegroups", "microsoft.resources/subscriptions/resourcegroups":
		return scope + "/resourceGroups/" + names[len(names)-1], nil
	case "microsoft.resources/subscriptions":
		return "/subscriptions/" + names[0], nil
	case "microsoft.management/managementgroups":
		return "/providers/Microsoft.Management/managementGroups/" + names[0], nil
	}
	var b strings.Builder
	b.WriteString(scope + "/providers/" + parts[0])
	for i, name := range names {
		b.WriteString("/" + parts[i+1] + "/" + name)
	}
	return b.String(), nil
}

// idOf makes an ID of a scope and the arguments type, name…
func idOf(scope string, values []value) value {
	kind, ok := values[0].Text()
	if !ok {
		if reason, is := values[0].Unknown(); is {
			return unknown("%s", reason)
		}
		return refused("a resource type is wanted")
	}
	var names []string
	for _, v := range values[1:] {
		names = append(names, segment(v))
	}
	id, err := joinID(scope, kind, names)
	if err != nil {
		return refused("%v", err)
	}
	return azurepolicy.TextValue(id)
}

func all(args []argument) []value {
	out := make([]value, len(args))
	for i, a := range args {
		out[i] = a.Value()
	}
	return out
}

// typeAt finds the first argument that is a resource type.
func typeAt(values []value, most int) int {
	for i := range min(len(values), most+1) {
		if s, ok := values[i].Text(); ok && strings.Contains(s, "/") {
			return i
		}
	}
	return -1
}

func isGUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}

// resourceID is resourceId([subscription], [resource group], type, name…).
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-resource#resourceid
func (f *frame) resourceID(args []argument) value {
	values := all(args)
	at := typeAt(values, 2)
	if at < 0 || at+1 >= len(values) {
		if i := slices.IndexFunc(values, func(v value) bool { _, is := v.Unknown(); return is }); i >= 0 {
			return values[i]
		}
		return refused("resourceId() wants a resource type and names")
	}
	t := f.at
	switch at {
	case 2:
		t.level, t.subscription, t.group = inGroup, segment(values[0]), segment(values[1])
	case 1:
		if one := segment(values[0]); isGUID(one) {
			t.subscription = one
			if t.level != inGroup {
				t.level = inSubscription
			}
		} else {
			t.level, t.group = inGroup, one
		}
	}
	return idOf(t.scope(), values[at:])
}

func (f *frame) subscriptionResourceID(args []argument) value {
	values := all(args)
	at := typeAt(values, 1)
	if at < 0 || at+1 >= len(values) {
		return refused("subscriptionResourceId() wants a resource type and names")
	}
	t := f.at
	if at == 1 {
		t.subscription = segment(values[0])
	}
	return idOf(t.subscriptionID(), values[at:])
}

func (f *frame) tenantResourceID(args []argument) value { return idOf("", all(args)) }

func (f *frame) managementGroupResourceID(args []argument) value {
	values := all(args)
	at := typeAt(values, 1)
	if at < 0 || at+1 >= len(values) {
		return refused("managementGroupResourceId() wants a resource type and names")
	}
	t := f.at
	if at == 1 {
		t.management = segment(values[0])
	}
	return idOf(t.managementID(), values[at:])
}

func (f *frame) extensionResourceID(args []argument) value {
	values := all(args)
	scope, ok := values[0].Text()
	if !ok {
		if _, is := values[0].Unknown(); is {
			return unknown("what it extends is not known")
		}
		return refused("extensionResourceId() wants the ID of a resource first")
	}
	return idOf(strings.TrimSuffix(scope, "/"), values[1:])
}

func object(pairs ...any) value {
	var o azurepolicy.Object
	for i := 0; i+1 < len(pairs); i += 2 {
		key, _ := pairs[i].(string)
		switch v := pairs[i+1].(type) {
		case string:
			o.Set(key, azurepolicy.TextValue(v))
		case value:
			o.Set(key, v)
		}
	}
	return o.Value()
}

func (f *frame) resourceGroup([]argument) value {
	if f.at.level != inGroup {
		return refused("resourceGroup() stands in a deployment to no resource group")
	}
	return object(
		"id", f.at.groupID(), "name", f.at.group, "type", "Microsoft.Resources/resourceGroups", "location", f.at.location,
		"managedBy", unknown("who manages the resource group is not known"), "tags", unknown("the tags of the resource group are not known"),
		"properties", object("provisioningState", "Succeeded"),
	)
}

func (f *frame) subscription([]argument) value {
	return object(
		"id", f.at.subscriptionID(), "subscriptionId", f.at.subscription, "tenantId", azurepolicy.TextValue(estate.LaterName+"-tenant"),
		"displayName", azurepolicy.TextValue(estate.LaterName+"-subscription"),
	)
}

func (f *frame) managementGroup([]argument) value {
	return object(
		"id", f.at.managementID(), "name", f.at.management, "type", "/providers/Microsoft.Management/managementGroups",
		"properties", unknown("the properties of the management group are not known"),
	)
}

func (f *frame) tenant([]argument) value {
	return object(
		"tenantId", azurepolicy.TextValue(estate.LaterName+"-tenant"), "country", unknown("the tenant is not known"),
		"countryCode", unknown("the tenant is not known"), "displayName", unknown("the tenant is not known"),
	)
}

// linkBase stands for where the template is taken from: what lies beside it is
// found in [Options.Files].
const linkBase = "https://" + estate.LaterName + "/"

func (f *frame) deployment([]argument) value {
	link := object("uri", linkBase+f.path, "id", unknown("where the template is kept is not known"))
	version := f.root.member("contentVersion").literal()
	return object(
		"name", f.name, "location", f.at.location,
		"properties", object(
			"mode", unknown("the mode of the deployment is not known"), "provisioningState", "Accepted", "templateLink", link,
			"template", object("contentVersion", version, "$schema", f.root.member("$schema").literal()),
			"parameters", unknown("the parameters of the deployment are not known"),
		),
	)
}

// environment is that of the public cloud.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-deployment#environment
func (f *frame) environment([]argument) value {
	return object(
		"name", "AzureCloud", "gallery", "https://gallery.azure.com/", "graph", "https://graph.windows.net/", "portal", "https://portal.azure.com",
		"graphAudience", "https://graph.windows.net/", "resourceManager", "https://management.azure.com/", "batch", "https://batch.core.windows.net/",
		"media", "https://rest.media.azure.net", "sqlManagement", "https://management.core.windows.net:8443/",
		"activeDirectoryDataLake", "https://datalake.azure.net/", "vmImageAliasDoc", unknown("where image aliases are kept is not known"),
		"authentication", object(
			"loginEndpoint", "https://login.microsoftonline.com/", "tenant", "common", "identityProvider", "AAD",
			"audiences", azurepolicy.ListValue([]value{azurepolicy.TextValue("https://management.core.windows.net/"), azurepolicy.TextValue("https://management.azure.com/")}),
		),
		"suffixes", object(
			"acrLoginServer", ".azurecr.io", "azureDatalakeAnalyticsCatalogAndJob", "azuredatalakeanalytics.net", "azureDatalakeStoreFileSystem", "azuredatalakestore.net",
			"keyvaultDns", ".vault.azure.net", "sqlServerHostname", ".database.windows.net", "storage", "core.windows.net", "azureFrontDoorEndpointSuffix", "azurefd.net",
		),
	)
}

// reference is what a resource is like once it is deployed: not known, but for
// the outputs of nested deployments, which are computed.
func (f *frame) reference(args []argument) value {
	v := args[0].Value()
	if s, ok := v.Text(); ok {
		if d := f.nested[strings.ToLower(s)]; d != nil {
			return object("outputs", d.outputs(), "provisioningState", "Succeeded")
		}
	}
	return unknown("reference() is known when it is deployed, and not before")
}
