package config

import (
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// List is a setting that may be given more than once; in YAML a single value
// needs no brackets.
type List[T any] []T

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (l *List[T]) UnmarshalYAML(node ast.Node) error {
	if node.Type() == ast.SequenceType {
		return yaml.NodeToValue(node, (*[]T)(l))
	}
	var one T
	if err := yaml.NodeToValue(node, &one); err != nil {
		return err
	}
	*l = List[T]{one}
	return nil
}
