// Package batch is what a batch of inputs needs besides a pipeline: the list of its
// inputs and their names, what identifies one (digests), what is said of each when it
// is over (manifests), where it goes on after a crash (checkpoints), and the queue
// that hands inputs to workers on other machines.
package batch
