package detect

import (
	"fmt"
	"strings"
)

// SelectClasses turns class names, matched without regard to case, into the
// wanted-flags of Decode: one for each label. No names means every class, nil.
func SelectClasses(labels, names []string) ([]bool, error) {
	if len(names) == 0 {
		return nil, nil
	}
	wanted := make([]bool, len(labels))
	for _, name := range names {
		i := indexFold(labels, strings.TrimSpace(name))
		if i < 0 {
			return nil, fmt.Errorf("class %q is not among the model's labels; it knows: %s",
				name, strings.Join(labels, ", "))
		}
		wanted[i] = true
	}
	return wanted, nil
}

func indexFold(labels []string, name string) int {
	for i, l := range labels {
		if strings.EqualFold(l, name) {
			return i
		}
	}
	return -1
}
