package policy

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"
	"cel.dev/cel-go/parser"
)

// Bounds of an expression.
const (
	maxExpression = 8 << 10 // bytes; the longest of ours has some 600
	maxNodes      = 2000
	maxNesting    = 64 // levels
	maxWalks      = 3  // walks within walks
	maxRegex      = 1000
)

// program is a compiled condition.
type program struct {
	whole  cel.Program // with CEL's count of what it costs
	root   interpreter.InterpretableV2
	nested bool // walks within walks, whose costs are counted
}

// environment is what rules are checked against; it is the same for all.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("prepare the rule language: %w", err)
	}
	options := []cel.EnvOption{
		cel.CustomTypeProvider(registry),
		cel.CustomTypeAdapter(adapter{registry}),
		cel.ClearMacros(),
		cel.Macros(macros()...),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxNesting),
		cel.ExpressionNodeLimit(maxNodes),
		cel.RegexProgramSizeLimit(maxRegex),
		cel.Variable("resource", cel.DynType),
		cel.Variable("estate", estateType),
		cel.Variable("now", cel.TimestampType),
		ext.Strings(),
	}
	env, err := cel.NewEnv(append(options, functions()...)...)
	if err != nil {
		return nil, fmt.Errorf("prepare the rule language: %w", err)
	}
	return env, nil
})

// macros are CEL's, but for two things: what is not set is walked as an empty
// list, and has() is true for what is set, not for what is null.
func macros() []cel.Macro {
	walked := func(expand parser.MacroExpander) parser.MacroExpander {
		return func(eh parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
			return expand(eh, eh.NewCall("items", eh.NewIdent("estate"), target), args)
		}
	}
	has := func(eh parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		if k := args[0].Kind(); k != ast.SelectKind && k != ast.CallKind {
			return nil, eh.NewError(args[0].ID(), "has() takes a property")
		}
		return eh.NewCall("_!=_", args[0], eh.NewLiteral(types.NullValue)), nil
	}
	return []cel.Macro{
		cel.GlobalMacro("has", 1, has),
		cel.ReceiverMacro("all", 2, walked(parser.MakeAll)),
		cel.ReceiverMacro("exists", 2, walked(parser.MakeExists)),
		cel.ReceiverMacro("exists_one", 2, walked(parser.MakeExistsOne)),
		cel.ReceiverMacro("filter", 2, walked(parser.MakeFilter)),
		cel.ReceiverMacro("map", 2, walked(parser.MakeMap)),
		cel.ReceiverMacro("map", 3, walked(parser.MakeMap)),
	}
}

// compileCondition checks and compiles an expression that must be true or
// false. Errors name line and column within it.
func compileCondition(source string) (*program, error) {
	env, err := environment()
	if err != nil {
		return nil, err
	}
	if len(source) > maxExpression {
		return nil, fmt.Errorf("the condition is longer than %d bytes", maxExpression)
	}
	checked, issues := env.Compile(source)
	if err := issues.Err(); err != nil {
		return nil, explain(issues)
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("the condition gives %s, not true or false", t)
	}
	if err := checkWalks(checked.NativeRep().Expr(), 0); err != nil {
		return nil, err
	}
	expr := checked.NativeRep().Expr()
	n := newNodes(expr)
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(n.decorate)}
	if n.nested {
		options = append(options, cel.CostLimit(maxCost))
	}
	p, err := env.Program(checked, options...)
	if err != nil {
		return nil, fmt.Errorf("plan the condition: %w", err)
	}
	root := n.made[expr.ID()]
	if root == nil {
		return nil, errors.New("plan the condition: its root is lost")
	}
	return &program{whole: p, root: root, nested: n.nested}, nil
}

// explain gives the first errors of a condition in one line each.
func explain(issues *cel.Issues) error {
	var parts []string
	for i, e := range issues.Errors() {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(issues.Errors())-i))
			break
		}
		parts = append(parts, fmt.Sprintf("line %d, column %d of the condition: %s", e.Location.Line(), e.Location.Column()+1, strings.TrimSpace(e.Message)))
	}
	return errors.New(strings.Join(parts, "; "))
}

// checkWalks refuses walks that nest too deep, and those whose condition does
// not look at the element: over a list of which not all was read such a
// condition would be true of elements that nobody knows.
func checkWalks(e ast.Expr, depth int) error {
	if e.Kind() == ast.ComprehensionKind {
		c := e.AsComprehension()
		if depth++; depth > maxWalks {
			return fmt.Errorf("walks over lists nest deeper than %d", maxWalks)
		}
		if !mentions(c.LoopStep(), c.IterVar()) {
			return fmt.Errorf("the condition of a walk does not look at %s; some(list) asks whether there is any", c.IterVar())
		}
	}
	for _, part := range partsOf(e) {
		if err := checkWalks(part, depth); err != nil {
			return err
		}
	}
	return nil
}

func mentions(e ast.Expr, name string) bool {
	if e.Kind() == ast.IdentKind && e.AsIdent() == name {
		return true
	}
	for _, part := range partsOf(e) {
		if mentions(part, name) {
			return true
		}
	}
	return false
}

// partsOf are the expressions directly within one.
func partsOf(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			return append([]ast.Expr{c.Target()}, c.Args()...)
		}
		return c.Args()
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.MapKind:
		var parts []ast.Expr
		for _, x := range e.AsMap().Entries() {
			parts = append(parts, x.AsMapEntry().Key(), x.AsMapEntry().Value())
		}
		return parts
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		return []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}
	}
	return nil
}

var _ ref.Val = absent{}
