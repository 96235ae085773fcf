//go:build !unix

package backbones

// preload has nothing to do where libraries are found beside each other.
func preload(string, []string) {}
