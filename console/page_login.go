package console

import (
	"fmt"
	"net/http"

	"bulkhead/internal/bulk"
	"bulkhead/web"
)

// maxForm bounds the body of a small form, in bytes.
const maxForm = 16 << 10

// readForm reads a small form, for which the client has as long as for any body.
func (s *Server) readForm(w http.ResponseWriter, r *http.Request) error {
	defer s.readDeadline(w)()
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("read form: %w", err)
	}
	return nil
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, http.StatusOK, web.Login(web.LoginView{Page: s.pageData(r, "", "Sign in"), Next: nextPath(r.URL.Query().Get("next"))}))
}

// loginWithKey opens a session for an API key. A wrong one gets the form again.
func (s *Server) loginWithKey(w http.ResponseWriter, r *http.Request) error {
	if err := s.readForm(w, r); err != nil {
		return err
	}
	next := nextPath(r.PostFormValue("next"))
	err := s.signInWithKey(w, r, r.PostFormValue("key"))
	if bulk.KindOf(err) == bulk.KindUnauthorized {
		v := web.LoginView{Page: s.pageData(r, "", "Sign in"), Next: next, Failed: "This key is not accepted. Check it, or ask for a new one."}
		return s.page(w, r, http.StatusUnauthorized, web.Login(v))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// loginLinkPage only shows a button: see web.Login.
func (s *Server) loginLinkPage(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, http.StatusOK, web.Login(web.LoginView{Page: s.pageData(r, "", "Sign in"), Token: r.PathValue("token")}))
}

func (s *Server) loginWithLink(w http.ResponseWriter, r *http.Request) error {
	err := s.signInWithLink(w, r, r.PathValue("token"))
	if k := bulk.KindOf(err); k == bulk.KindUnauthorized || k == bulk.KindNotFound {
		v := web.LoginView{Page: s.pageData(r, "", "Sign in"), Next: "/", Failed: "This link was used already or has expired. Sign in with an API key."}
		return s.page(w, r, http.StatusUnauthorized, web.Login(v))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/imports", http.StatusSeeOther)
	return nil
}

func (s *Server) signedInPage(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, http.StatusOK, web.SignedIn(s.pageData(r, "", "Signed in"), nextPath(r.URL.Query().Get("from"))))
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.signOut(w, r); err != nil {
		return err
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}
