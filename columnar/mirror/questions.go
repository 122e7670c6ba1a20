package mirror

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed questions/*.sql
var questionFiles embed.FS

// Question is a query that is asked often. It runs in the mirror's database, on any
// server from 18.16 on.
type Question struct {
	Name  string // of its file, e.g. throughput_by_hour
	Title string // its first line
	SQL   string
}

// Questions lists them by name.
func Questions() ([]Question, error) {
	files, err := questionFiles.ReadDir("questions")
	if err != nil {
		return nil, err
	}
	out := make([]Question, len(files))
	for i, f := range files {
		sql, err := questionFiles.ReadFile(path.Join("questions", f.Name()))
		if err != nil {
			return nil, err
		}
		first, _, _ := strings.Cut(string(sql), "\n")
		title, ok := strings.CutPrefix(first, "-- ")
		if !ok {
			return nil, fmt.Errorf("question %s has no title", f.Name())
		}
		out[i] = Question{Name: strings.TrimSuffix(f.Name(), ".sql"), Title: title, SQL: string(sql)}
	}
	return out, nil
}
