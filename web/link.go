package web

import "net/url"

// nextPage adds a cursor to a path; "" when there is none.
func nextPage(path, cursor string) string {
	if cursor == "" {
		return ""
	}
	return path + "?" + url.Values{"cursor": {cursor}}.Encode()
}
