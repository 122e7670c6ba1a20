package bulk

import (
	"slices"
	"strings"
	"testing"
)

func contacts() *Spec {
	return &Spec{Name: "contacts", Key: []string{"id"}, Columns: []Column{
		{Name: "id", Type: TypeText},
		{Name: "full_name", Type: TypeText, Required: true, Aliases: []string{"Name", "###"}},
		{Name: "email", Type: TypeEmail, Aliases: []string{"E-Mail Address"}},
		{Name: "status", Type: TypeText, Required: true, Default: "new"},
	}}
}

func TestMapColumns(t *testing.T) {
	for name, c := range map[string]struct {
		header  []string
		mapping map[string]string
		want    []string
		code    string // of the error
		names   string // what its message has to name
	}{
		"exact":                          {[]string{"id", "full_name", "email"}, nil, []string{"id", "full_name", "email"}, "", ""},
		"alias, folded, unknown":         {[]string{"ID", "Name", "e_mail-address", "other"}, nil, []string{"id", "full_name", "email", ""}, "", ""},
		"exact before folded":            {[]string{"I D", "id", "name"}, nil, []string{"", "id", "full_name"}, "", ""},
		"explicit before exact":          {[]string{"id", "nr", "name"}, map[string]string{"nr": "id"}, []string{"", "id", "full_name"}, "", ""},
		"explicitly left out":            {[]string{"id", "name", "email"}, map[string]string{"email": ""}, []string{"id", "full_name", ""}, "", ""},
		"alias of symbols":               {[]string{"id", "###", "%%%"}, nil, []string{"id", "full_name", ""}, "", ""},
		"two aliases of one column":      {[]string{"id", "NAME", "Full Name"}, nil, nil, "bad_mapping", `"Full Name"`},
		"two mapped to one":              {[]string{"id", "a", "b"}, map[string]string{"a": "full_name", "b": "full_name"}, nil, "bad_mapping", `"b"`},
		"mapped from an unknown header":  {[]string{"id", "name"}, map[string]string{"nme": "full_name"}, nil, ErrUnknownField, `"nme"`},
		"mapped to an unknown column":    {[]string{"id", "name"}, map[string]string{"name": "nme"}, nil, ErrUnknownField, `"nme"`},
		"required without source":        {[]string{"id"}, nil, nil, ErrUnmappedRequired, `"full_name"`},
		"key without source":             {[]string{"name"}, nil, nil, ErrUnmappedRequired, `"id"`},
		"required, left out on purpose":  {[]string{"id", "name"}, map[string]string{"name": ""}, nil, ErrUnmappedRequired, `"full_name"`},
		"a near miss is not a match":     {[]string{"id", "nmae"}, nil, nil, ErrUnmappedRequired, `"full_name"`},
		"required with default, no file": {[]string{"id", "name"}, nil, []string{"id", "full_name"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := MapColumns(c.header, contacts(), c.mapping)
			if c.code == "" && (err != nil || !slices.Equal(got, c.want)) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
			if c.code != "" && (CodeOf(err) != c.code || KindOf(err) != KindUnprocessed || !strings.Contains(err.Error(), c.names)) {
				t.Errorf("got %q, %v; want %s naming %s", got, err, c.code, c.names)
			}
		})
	}
}

func TestUnfed(t *testing.T) {
	unmapped, missing := contacts().Unfed([]string{"", "email"})
	if !slices.Equal(unmapped, []string{"id", "full_name", "status"}) || !slices.Equal(missing, []string{"id", "full_name"}) {
		t.Errorf("got %q, %q", unmapped, missing)
	}
}
