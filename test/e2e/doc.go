// Package e2e runs the receiver on the real kernel against real programs, and
// holds its spans against what the programs counted themselves. It needs root.
//
// Every test observes only ports of its own.
package e2e
