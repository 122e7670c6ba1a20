package store

import (
	"reflect"
	"strings"
)

// columnsOf lists the columns that a struct's db tags name, as a SELECT or RETURNING
// writes them. Columns are always named, never *: a process of an older version then
// goes on while a newer one has added some.
func columnsOf[Row any]() string {
	return strings.Join(tagged(reflect.TypeFor[Row]()), ", ")
}

func tagged(row reflect.Type) (names []string) {
	for f := range row.Fields() {
		if name := f.Tag.Get("db"); name != "" {
			names = append(names, name)
		} else if f.Anonymous {
			names = append(names, tagged(f.Type)...)
		}
	}
	return names
}
