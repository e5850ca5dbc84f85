package exe

import (
	"errors"
	"io"
)

// Find returns the TLS libraries in an ELF file. A binary may hold several, as a
// Go program with a C library in it. The error says what could not be
// understood, also beside libraries that could.
func Find(r io.ReaderAt) ([]Library, error) {
	f, err := open(r)
	if err != nil {
		return nil, err
	}
	finders := []func(*file) (*Library, error){findGo}
	for _, m := range families {
		finders = append(finders, m.find)
	}
	var found []Library
	var errs []error
	stripped := false
	for _, find := range finders {
		l, err := find(f)
		switch {
		case errors.Is(err, ErrNoSymbols):
			stripped = true
		case err != nil:
			errs = append(errs, err)
		}
		if l != nil {
			found = append(found, *l)
		}
	}
	switch {
	case len(found) > 0 || len(errs) > 0:
		return found, errors.Join(errs...)
	case stripped:
		return nil, ErrNoSymbols
	}
	return nil, ErrNoTLS
}
