package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Load sets in c what the YAML file at path says, leaves the rest, and tells where
// in the file each value stands. Unknown and repeated keys, keys without a value
// and wrong types are errors with file, line and column, each a line of the text; c is
// changed only if the whole file is good. Ranges are Validate's to check.
func Load(path string, c *Config) (Origins, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, c)
}

// Parse is Load for the file's bytes; path is for messages.
func Parse(path string, data []byte, c *Config) (origins Origins, err error) {
	// The YAML parser panics on some texts that are none.
	defer func() {
		if recover() != nil {
			origins, err = nil, fmt.Errorf("%s:1:1: this is not YAML", path)
		}
		if err != nil && (!utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0) {
			err = fmt.Errorf("%s:1:1: this is no text in UTF-8; want lines such as conf: 0.3", path)
		}
	}()
	// Of keys that come twice, pair says where they came before.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, errors.New(locate(path, data, err))
	}
	r := reading{path: path, next: *c, origins: Origins{}}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			r.document(doc.Body)
		}
	}
	if len(r.faults) > 0 {
		return nil, r.faults.join()
	}
	*c = r.next
	return r.origins, nil
}

// reading is one file on its way into a Config.
type reading struct {
	path    string
	next    Config
	origins Origins
	faults  faults
}

func (r *reading) document(body ast.Node) {
	switch n := body.(type) {
	case *ast.NullNode, *ast.CommentGroupNode: // nothing but comments
	case *ast.MappingNode:
		for _, pair := range n.Values {
			r.pair(pair)
		}
	case *ast.MappingValueNode:
		r.pair(n)
	default:
		r.fault(body.GetToken().Position, "this is no list of settings; want lines such as conf: 0.3")
	}
}

func (r *reading) pair(p *ast.MappingValueNode) {
	key, at := p.Key.GetToken().Value, p.Key.GetToken().Position
	f, known := lookup(key)
	switch {
	case !known:
		hint := "'tracker config show' lists the keys"
		if near := Closest(key); near != "" {
			hint = "did you mean " + near + "?"
		}
		r.fault(at, "unknown key %q; %s", key, hint)
		return
	case r.origins[key] != "":
		r.fault(at, "key %s is given twice, before at %s", key, r.origins[key])
		return
	case p.Value == nil || p.Value.Type() == ast.NullType:
		r.fault(at, "key %s has no value, want %s", key, f.kind(""))
		return
	}
	r.origins[key] = r.place(start(p.Value))
	if odd := misfit(p.Value, f.of(&r.next).Type()); odd != nil {
		r.fault(start(odd), "%s is %s, want %s", key, odd, f.kind(odd.String()))
		return
	}
	if err := yaml.NodeToValue(p.Value, f.of(&r.next).Addr().Interface(), yaml.Strict()); err != nil {
		r.fault(culprit(err, p.Value), "%s is %s, want %s", key, p.Value, f.kind(p.Value.String()))
	}
}

func (r *reading) place(at *token.Position) string {
	return fmt.Sprintf("%s:%d:%d", r.path, at.Line, at.Column)
}

func (r *reading) fault(at *token.Position, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s: %w", r.place(at), fmt.Errorf(format, args...)))
}

// misfit is the part of a value that the decoder would take though it is of another
// type: it cuts 1.5 to a whole number and reads numbers in quotes.
func misfit(value ast.Node, t reflect.Type) ast.Node {
	if list, ok := value.(*ast.SequenceNode); ok && t.Kind() == reflect.Slice {
		for _, item := range list.Values {
			if odd := misfit(item, t.Elem()); odd != nil {
				return odd
			}
		}
		return nil
	}
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	kind := value.Type()
	whole, number := kind == ast.IntegerType, kind == ast.IntegerType || kind == ast.FloatType || kind == ast.NanType || kind == ast.InfinityType || isNumber(value)
	if kind == ast.NullType || t.Kind() == reflect.Int && !whole || t.Kind() == reflect.Float64 && !number {
		return value
	}
	return nil
}

// isNumber says that a text that is not in quotes is a number all the same: YAML's own
// numbers need a dot before an exponent, and 1e-05 has none.
func isNumber(value ast.Node) bool {
	if value.GetToken().Type != token.StringType {
		return false
	}
	_, err := strconv.ParseFloat(value.GetToken().Value, 64)
	return err == nil
}

// culprit is where in a value the decoder stopped: the bad item of a list.
func culprit(err error, value ast.Node) *token.Position {
	var coded yaml.Error
	if errors.As(err, &coded) && coded.GetToken() != nil {
		return coded.GetToken().Position
	}
	return start(value)
}

// start is where a value begins; a list of lines begins at its first item's dash.
func start(value ast.Node) *token.Position { return value.GetToken().Position }

// locate is an error of the parser on one line: where and what.
func locate(path string, data []byte, err error) string {
	var coded yaml.Error
	if !errors.As(err, &coded) || coded.GetToken() == nil {
		return fmt.Sprintf("%s:1:1: %v", path, err)
	}
	at := coded.GetToken().Position
	if tab := indentTab(data, at.Line); tab > 0 {
		return fmt.Sprintf("%s:%d:%d: indent with spaces, not tabs", path, at.Line, tab)
	}
	return fmt.Sprintf("%s:%d:%d: %s", path, at.Line, at.Column, coded.GetMessage())
}

// indentTab is the column of the first tab that a line is indented with, 0 where there is none.
func indentTab(data []byte, line int) int {
	lines := bytes.SplitN(data, []byte("\n"), line+1)
	if line < 1 || line > len(lines) {
		return 0
	}
	text := lines[line-1]
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	return bytes.IndexByte(indent, '\t') + 1
}
