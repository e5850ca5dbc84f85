// Package truth holds the suite that injects a known cause into requests and
// checks what the spans say of it: docs/truth.md.
package truth
