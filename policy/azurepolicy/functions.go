package azurepolicy

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// function of the template language.
type function struct {
	least, most int // arguments; most -1 for any number
	run         func([]value) value
}

// lazy functions see their arguments before they are computed.
var lazy = map[string]struct {
	least, most int
	run         func(*run, []expression) value
}{
	"if":       {3, 3, ifElse},
	"and":      {2, -1, func(r *run, args []expression) value { return logical(r, args, false) }},
	"or":       {2, -1, func(r *run, args []expression) value { return logical(r, args, true) }},
	"coalesce": {1, -1, coalesce},
	"tryget":   {2, 2, tryGet},
}

// functions of Resource Manager templates that a policy rule may use.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions
var functions = map[string]function{
	// logical and comparison
	"not": {1, 1, fnNot}, "bool": {1, 1, fnBool}, "true": {0, 0, fnTrue}, "false": {0, 0, fnFalse}, "null": {0, 0, fnNull},
	"equals": {2, 2, fnEquals}, "less": {2, 2, ordering(func(sign int) bool { return sign < 0 })},
	"lessorequals": {2, 2, ordering(func(sign int) bool { return sign <= 0 })},
	"greater":      {2, 2, ordering(func(sign int) bool { return sign > 0 })}, "greaterorequals": {2, 2, ordering(func(sign int) bool { return sign >= 0 })},
	// numbers
	"add": {2, 2, arithmetic(func(a, b int64) (int64, bool) { return a + b, true })},
	"sub": {2, 2, arithmetic(func(a, b int64) (int64, bool) { return a - b, true })},
	"mul": {2, 2, arithmetic(func(a, b int64) (int64, bool) { return a * b, true })},
	"div": {2, 2, arithmetic(divide)}, "mod": {2, 2, arithmetic(remainder)},
	"int": {1, 1, fnInt}, "float": {1, 1, fnFloat}, "max": {1, -1, extreme(1)}, "min": {1, -1, extreme(-1)},
	// text
	"concat": {1, -1, fnConcat}, "tolower": {1, 1, onText(strings.ToLower)}, "toupper": {1, 1, onText(strings.ToUpper)},
	"trim": {1, 1, onText(strings.TrimSpace)}, "replace": {3, 3, fnReplace}, "split": {2, 2, fnSplit}, "join": {2, 2, fnJoin},
	"substring": {2, 3, fnSubstring}, "startswith": {2, 2, textTest(strings.HasPrefix)}, "endswith": {2, 2, textTest(strings.HasSuffix)},
	"padleft": {2, 3, fnPadLeft}, "format": {1, -1, fnFormat}, "string": {1, 1, fnString}, "json": {1, 1, fnJSON},
	"base64": {1, 1, fnBase64}, "base64tostring": {1, 1, fnBase64ToString}, "base64tojson": {1, 1, fnBase64ToJSON},
	"uricomponent": {1, 1, fnURIComponent}, "uricomponenttostring": {1, 1, fnURIComponentToString},
	"datauri": {1, 1, fnDataURI}, "datauritostring": {1, 1, fnDataURIToString},
	"uniquestring": {1, -1, undocumented("uniqueString")}, "guid": {1, -1, undocumented("guid")},
	// lists, objects, and text as a list of letters
	"length": {1, 1, fnLength}, "empty": {1, 1, fnEmpty}, "first": {1, 1, fnFirst}, "last": {1, 1, fnLast},
	"contains": {2, 2, fnContains}, "indexof": {2, 2, fnIndexOf}, "lastindexof": {2, 2, fnLastIndexOf},
	"take": {2, 2, fnTake}, "skip": {2, 2, fnSkip}, "array": {1, 1, fnArray}, "createarray": {0, -1, fnCreateArray},
	"createobject": {0, -1, fnCreateObject}, "union": {2, -1, fnUnion}, "intersection": {2, -1, fnIntersection},
	"flatten": {1, 1, fnFlatten}, "range": {2, 2, fnRange}, "items": {1, 1, fnItems}, "objectkeys": {1, 1, fnObjectKeys},
	"shallowmerge": {1, 1, fnShallowMerge},
	// dates and addresses
	"adddays": {2, 2, fnAddDays}, "iprangecontains": {2, 2, fnIPRangeContains},
}

// call makes an expression of a function's name and arguments.
func (s *scope) call(name string, args []expression) (expression, error) {
	low := strings.ToLower(name)
	switch {
	case s.template != nil:
	case low == "parameters":
		return s.parameter(args)
	case low == "field":
		return s.fieldFunction(args)
	case low == "current":
		return s.current(args)
	}
	c := &call{name: name, args: args}
	if s.template != nil && s.template(low) {
		c.run = func(r *run, args []expression) value { return r.asked(low, args) }
		return c, nil
	}
	least, most := 0, 0
	if ask, is := contextual[low]; is && s.template == nil {
		c.run = func(r *run, _ []expression) value { return ask(r) }
	} else if l, is := lazy[low]; is {
		c.run, c.pure, least, most = l.run, true, l.least, l.most
	} else if f, is := functions[low]; is {
		c.pure, least, most = true, f.least, f.most
		c.run = func(r *run, args []expression) value {
			return strict(r, low, args, f.run)
		}
	} else {
		return nil, fmt.Errorf("there is no function %.80q", name)
	}
	if len(args) < least || most >= 0 && len(args) > most {
		return nil, fmt.Errorf("%s() does not take %d arguments", name, len(args))
	}
	return c, nil
}

// strict computes all arguments before the function, and charges for the
// members that it looks at: for each, or for each pair.
func strict(r *run, name string, args []expression, f func([]value) value) value {
	pairs := name == "union" || name == "intersection"
	values := make([]value, len(args))
	members := 0
	for i, a := range args {
		if values[i] = a.eval(r); values[i].undecided() {
			if r.context != nil && values[i].kind == unread && (name == "createarray" || name == "createobject" && i%2 == 1) {
				continue // the rest of it is known
			}
			return values[i]
		}
		if values[i].later() && r.context == nil {
			return unreadValue(laterReason)
		}
		members += len(values[i].list)
	}
	if pairs {
		members *= members
	}
	if r.spent += members / perStep; r.spent > maxCost {
		return failure("it takes more than %d steps", maxCost)
	}
	if r.context != nil {
		if v, done := symbolic(name, values); done {
			return v
		}
	}
	return f(values)
}

// contextual functions ask where the evaluation stands.
var contextual = map[string]func(*run) value{
	"utcnow":         utcNow,
	"resourcegroup":  resourceGroup,
	"subscription":   subscription,
	"requestcontext": func(*run) value { return requestContext },
	"policy":         policyFunction,
}

// utcFormat is yyyy-MM-ddTHH:mm:ss.fffffffZ.
const utcFormat = "2006-01-02T15:04:05.0000000Z"

func utcNow(r *run) value {
	if r.at.IsZero() {
		return unreadValue("the time of the evaluation was not given")
	}
	return textValue(r.at.UTC().Format(utcFormat))
}

// requestContext is that of a compliance evaluation: there is no caller, and
// "the latest API version is always used during compliance evaluation on
// existing resources". A date after all others stands for it.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#policy-functions
var requestContext = objectValue(
	"apiVersion", textValue("9999-12-31"),
	"identity", unreadValue("no request is evaluated: there is no caller"),
)

// objectValue makes an object of keys and values in turn.
func objectValue(pairs ...any) value {
	m := &members{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, _ := pairs[i].(string)
		v, _ := pairs[i+1].(value)
		m.add(key, v)
	}
	return value{kind: object, held: m}
}

func policyFunction(r *run) value {
	if r.from == nil || r.from.Assignment == "" {
		return unreadValue("the policy is evaluated without an assignment")
	}
	return objectValue(
		"assignmentId", textValue(string(r.from.Assignment)), "definitionId", textValue(string(r.from.Definition)),
		"setDefinitionId", textValue(string(r.from.Set)), "definitionReferenceId", textValue(r.from.Reference),
	)
}

// resourceGroup is the group of the resource. What of it was not read is
// unread; what it does not have is null.
func resourceGroup(r *run) value {
	id := r.first.Resource.ID
	if id.ResourceGroup() == "" {
		return unreadValue("the resource is in no resource group, and what resourceGroup() gives then is not documented")
	}
	group := id.SubscriptionScope().Child("resourceGroups", id.ResourceGroup())
	return r.container(group, "location", "tags", "managedBy", "properties")
}

// subscription is that of the resource.
func subscription(r *run) value {
	id := r.first.Resource.ID.SubscriptionScope()
	if id == "" {
		return unreadValue("the resource is in no subscription, and what subscription() gives then is not documented")
	}
	return r.container(id, "tenantId", "displayName", "tags", "subscriptionId")
}

func (r *run) container(id azward.ResourceID, keys ...string) value {
	held, known := r.containers[id.Key()]
	if known {
		return held
	}
	held = r.readContainer(id, keys)
	if len(r.containers) < maxSubjects && r.containers != nil {
		r.containers[id.Key()] = held
	}
	return held
}

func (r *run) readContainer(id azward.ResourceID, keys []string) value {
	out := objectValue("id", textValue(string(id)), "name", textValue(id.Name()), "type", textValue(id.Type()))
	var doc value
	if r.estate != nil {
		if found, ok := r.estate.Resource(id); ok {
			if v, err := parseValue(found.Body); err == nil && v.kind == object {
				doc = v
				out.obj().values[0], out.obj().values[1] = textValue(string(found.ID)), textValue(found.Name)
			}
		}
	}
	for _, k := range keys {
		if k == "subscriptionId" {
			out.obj().add(k, textValue(string(id.Subscription())))
			continue
		}
		v, at := doc.member(strings.ToLower(k))
		switch {
		case at >= 0:
			out.obj().add(k, *v)
		case doc.kind == object:
			out.obj().add(k, value{kind: null})
		default:
			out.obj().add(k, unreadValue(string(id)+" was not read"))
		}
	}
	return out
}

// parameter gives a parameter's value.
func (s *scope) parameter(args []expression) (expression, error) {
	name, ok := constantText(args)
	if !ok {
		return nil, fmt.Errorf("parameters() takes the name of a parameter")
	}
	low := strings.ToLower(name)
	if v, known := s.parameters[low]; known {
		return &literal{v}, nil
	}
	if !s.lacking[low] {
		return nil, fmt.Errorf("there is no parameter %.60q", name)
	}
	if s.needs == nil {
		s.needs = fmt.Errorf("parameter %.60q has no default value: %w", name, ErrNeedsValue)
	}
	return &literal{unreadValue("parameter " + name + " has no value")}, nil
}

func constantText(args []expression) (string, bool) {
	if len(args) != 1 {
		return "", false
	}
	l, is := args[0].(*literal)
	return textOf(l, is)
}

func textOf(l *literal, is bool) (string, bool) {
	if !is || l.v.kind != text {
		return "", false
	}
	return l.v.text, true
}

// fieldFunction is field('name'): a value of the resource of the if.
type fieldFunction struct {
	name  expression
	field *field // nil where the name is computed
	scope *scope
}

func (s *scope) fieldFunction(args []expression) (expression, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("field() takes the name of a field")
	}
	in := *s
	if s.then {
		in.counts = nil // these enumerate the related resource
	}
	f := &fieldFunction{name: args[0], scope: &in}
	if l, is := args[0].(*literal); is {
		if l.v.kind != text {
			return nil, fmt.Errorf("field() takes the name of a field")
		}
		var err error
		f.field, err = in.plainField(l.v.text)
		return f, err
	}
	return f, nil
}

func (f *fieldFunction) constant() bool { return false }

func (f *fieldFunction) eval(r *run) value {
	if r.spent++; r.spent > maxCost {
		return failure("it takes more than %d steps", maxCost)
	}
	inner := *r
	inner.subject, inner.tracing, inner.leaves = r.first, false, nil
	if f.field != nil {
		return f.field.value(&inner)
	}
	computedField := field{kind: computed, dynamic: f.name, scope: f.scope}
	return computedField.value(&inner)
}

// currentFunction is current(): the member that a count stands at.
type currentFunction struct {
	slot  int
	field *field // of a field count
}

func (s *scope) current(args []expression) (expression, error) {
	if len(args) == 0 {
		if len(s.counts) == 0 {
			return nil, fmt.Errorf("current() stands in no count")
		}
		c := s.counts[len(s.counts)-1]
		if c.field {
			return s.currentField(c.name)
		}
		return &currentFunction{slot: c.slot}, nil
	}
	name, ok := constantText(args)
	if !ok {
		return nil, fmt.Errorf("current() takes the name of a count")
	}
	for i := len(s.counts) - 1; i >= 0; i-- {
		if c := s.counts[i]; !c.field && c.name == strings.ToLower(name) {
			return &currentFunction{slot: c.slot}, nil
		}
	}
	return s.currentField(name)
}

func (s *scope) currentField(name string) (expression, error) {
	if !strings.Contains(name, "/") && !strings.HasPrefix(strings.ToLower(name), "identity.") {
		return nil, fmt.Errorf("current(%.60q) names no count around it", name)
	}
	f, err := s.plainField(name)
	if err != nil {
		return nil, err
	}
	if f.slot < 0 {
		return nil, fmt.Errorf("current(%.60q) names no count around it", name)
	}
	// One member, not a collection of one.
	f.many = false
	for _, step := range f.path {
		f.many = f.many || step.each
	}
	return &currentFunction{field: f}, nil
}

func (c *currentFunction) constant() bool { return false }

func (c *currentFunction) eval(r *run) value {
	if c.field == nil {
		return *r.slots[c.slot].v
	}
	inner := *r
	inner.tracing, inner.leaves = false, nil
	return c.field.value(&inner)
}
