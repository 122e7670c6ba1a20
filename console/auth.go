package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// sessionCookie holds a browser session's token.
const sessionCookie = "bulkhead_session"

type principalKey struct{}

// PrincipalFrom returns who the request behind ctx comes from.
func PrincipalFrom(ctx context.Context) (bulk.Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(bulk.Principal)
	return p, ok
}

// principal returns who the request comes from; the zero value on public routes.
func (s *Server) principal(r *http.Request) bulk.Principal {
	p, _ := PrincipalFrom(r.Context())
	return p
}

// admit resolves the request's credential as far as the route needs one.
func (s *Server) admit(r *http.Request, a access) (*http.Request, error) {
	if a == public {
		return r, nil
	}
	p, err := s.authenticate(r)
	if err != nil {
		return r, err
	}
	if a == operator && !p.Operator {
		return r, bulk.Errorf(bulk.KindForbidden, "operators_only", "Only operators may do this; use an operator's API key.")
	}
	infoOf(r).account = p.Account
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, p)), nil
}

// authenticate resolves the API key or, without one, the session cookie.
func (s *Server) authenticate(r *http.Request) (bulk.Principal, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		secret = strings.TrimSpace(secret)
		if !strings.EqualFold(scheme, "Bearer") || !bulk.ValidSecret(secret) {
			return bulk.Principal{}, bulk.Errorf(bulk.KindUnauthorized, "bad_api_key", "The Authorization header must be: Bearer bhk_….")
		}
		return s.Accounts.KeyPrincipal(r.Context(), bulk.HashSecret(secret))
	}
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" {
		return bulk.Principal{}, bulk.Errorf(bulk.KindUnauthorized, "no_credential", "Send an API key as Authorization: Bearer bhk_…, or sign in.")
	}
	return s.Accounts.SessionPrincipal(r.Context(), bulk.HashSecret(cookie.Value))
}

// requirePage makes a page's handler that lets in whom a allows and sends who is not
// signed in to /login, from where they come back.
func (s *Server) requirePage(a access, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, err := s.admit(r, a)
		if bulk.KindOf(err) == bulk.KindUnauthorized {
			http.Redirect(w, r, loginURL(r), http.StatusSeeOther)
			return
		}
		if err == nil {
			err = h(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

func loginURL(r *http.Request) string {
	if r.Method != http.MethodGet || r.URL.Path == "/" {
		return "/login"
	}
	return "/login?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
}

// nextPath returns where to go after signing in: the page that asked for it, or the
// start page when next is not a path of ours.
func nextPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, "//") {
		return "/"
	}
	return next
}

// signInWithLink spends a one-time login link and sets the session cookie.
func (s *Server) signInWithLink(w http.ResponseWriter, r *http.Request, link string) error {
	token, expires := s.newSession()
	if err := s.Accounts.RedeemLogin(r.Context(), bulk.HashSecret(link), bulk.HashSecret(token), expires); err != nil {
		return err
	}
	s.setSession(w, token, expires)
	return nil
}

// signInWithKey opens a session for the holder of an API key and sets its cookie.
func (s *Server) signInWithKey(w http.ResponseWriter, r *http.Request, secret string) error {
	if secret = strings.TrimSpace(secret); !bulk.ValidSecret(secret) {
		return bulk.Errorf(bulk.KindUnauthorized, "bad_api_key", "This is not an API key; one begins with bhk_.")
	}
	p, err := s.Accounts.KeyPrincipal(r.Context(), bulk.HashSecret(secret))
	if err != nil {
		return err
	}
	token, expires := s.newSession()
	if err := s.Accounts.OpenSession(r.Context(), p, bulk.HashSecret(token), expires); err != nil {
		return err
	}
	s.setSession(w, token, expires)
	return nil
}

// signOut ends the browser's session, here and at the server.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if err := s.Accounts.CloseSession(r.Context(), bulk.HashSecret(cookie.Value)); err != nil {
			return err
		}
	}
	s.setSession(w, "", time.Unix(1, 0))
	return nil
}

func (s *Server) newSession() (token string, expires time.Time) {
	return bulk.NewToken(), time.Now().UTC().Add(s.SessionLife)
}

func (s *Server) setSession(w http.ResponseWriter, token string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", Expires: expires,
		HttpOnly: true, Secure: s.SecureCookies, SameSite: http.SameSiteLaxMode,
	})
}
