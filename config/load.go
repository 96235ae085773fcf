package config

import (
	"errors"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Load sets in c what the YAML file at path says and leaves the rest. Unknown and
// repeated keys, keys without a value and wrong types are errors with file, line
// and column; c is changed only if the whole file is good. Ranges are Validate's
// to check.
func Load(path string, c *Config) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if err := parse(data, c); err != nil {
		return fmt.Errorf("read configuration %s%w", path, err)
	}
	return nil
}

// parse recovers from panics: the YAML parser has some for texts that are none.
func parse(data []byte, c *Config) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New(": this is not YAML")
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return locate(err)
	}
	next := *c
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue // empty, or nothing but comments
		}
		if err := checkValues(doc.Body); err != nil {
			return err
		}
		if err := yaml.NodeToValue(doc.Body, &next, yaml.Strict()); err != nil {
			return locate(err)
		}
	}
	*c = next
	return nil
}

// checkValues refuses "key:" with nothing behind it, which YAML would read as
// zero.
func checkValues(body ast.Node) error {
	var pairs []*ast.MappingValueNode
	switch n := body.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	}
	for _, p := range pairs {
		if p.Value == nil || p.Value.Type() == ast.NullType {
			return at(p.Key.GetToken().Position, fmt.Sprintf("key %s has no value", p.Key))
		}
	}
	return nil
}

// locate puts an error of the parser on one line as ":line:column: cause".
func locate(err error) error {
	var coded yaml.Error
	if errors.As(err, &coded) && coded.GetToken() != nil {
		return at(coded.GetToken().Position, coded.GetMessage())
	}
	return fmt.Errorf(": %w", err)
}

func at(pos *token.Position, cause string) error {
	return fmt.Errorf(":%d:%d: %s", pos.Line, pos.Column, cause)
}
