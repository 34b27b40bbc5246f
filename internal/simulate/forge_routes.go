package simulate

import (
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf8"
)

func (f *Forge) githubRoutes(mux *http.ServeMux) {
	const repo = "/repos/acme/fleet"
	mux.HandleFunc("GET /user", f.guarded(func(*http.Request) (any, http.Header, *refused) {
		if f.site.Rule(ForgeBot) {
			return nil, nil, &refused{http.StatusForbidden, "Resource not accessible by integration"}
		}
		return map[string]any{"login": f.Me}, nil, nil
	}))
	mux.HandleFunc("GET "+repo+"/pulls/{number}", f.guarded(func(r *http.Request) (any, http.Header, *refused) {
		if no := f.isRequest(r); no != nil {
			return nil, nil, no
		}
		return map[string]any{"number": f.Number, "state": "open", "head": map[string]any{"sha": f.Head}, "base": map[string]any{"ref": f.Base, "sha": "of then"}}, nil, nil
	}))
	mux.HandleFunc("GET "+repo+"/git/ref/heads/{branch...}", f.guarded(func(r *http.Request) (any, http.Header, *refused) {
		if r.PathValue("branch") != f.Base {
			return nil, nil, &refused{http.StatusNotFound, "Not Found"}
		}
		return map[string]any{"ref": "refs/heads/" + f.Base, "object": map[string]any{"sha": f.Tip, "type": "commit"}}, nil, nil
	}))
	mux.HandleFunc("GET "+repo+"/issues/{number}/comments", f.guarded(func(r *http.Request) (any, http.Header, *refused) {
		if no := f.isRequest(r); no != nil {
			return nil, nil, no
		}
		some, page, more := f.page(r, f.comments, 30)
		header := http.Header{}
		if more {
			header.Set("Link", fmt.Sprintf(`<https://api.github.com/x?page=%d>; rel="next", <https://api.github.com/x?page=99>; rel="last"`, page+1))
		}
		list := []any{}
		for _, c := range some {
			list = append(list, githubComment(c))
		}
		return list, header, nil
	}))
	write := func(r *http.Request, save func(body string) *refused) *refused {
		body := decode(r)["body"]
		if f.site.Rule(ForgeCommentLimit) && utf8.RuneCountInString(body) > 65_536 || body == "" {
			return &refused{http.StatusUnprocessableEntity, "Validation Failed: body is too long (maximum is 65536 characters)"}
		}
		return save(body)
	}
	mux.HandleFunc("POST "+repo+"/issues/{number}/comments", f.guarded(func(r *http.Request) (any, http.Header, *refused) {
		if no := f.isRequest(r); no != nil {
			return nil, nil, no
		}
		return map[string]any{}, nil, write(r, func(body string) *refused {
			f.add(f.Me, body)
			return nil
		})
	}))
	mux.HandleFunc("PATCH "+repo+"/issues/comments/{id}", f.guarded(func(r *http.Request) (any, http.Header, *refused) {
		return map[string]any{}, nil, write(r, func(body string) *refused { return f.edit(r, body) })
	}))
	mux.HandleFunc("POST "+repo+"/statuses/{commit}", f.guarded(func(r *http.Request) (any, http.Header, *refused) {
		b := decode(r)
		no := f.set(ForgeStatus{r.PathValue("commit"), b["context"], b["state"], b["description"], b["target_url"]}, []string{"error", "failure", "pending", "success"}, 140)
		return map[string]any{}, nil, no
	}))
	mux.HandleFunc("/", f.guarded(func(*http.Request) (any, http.Header, *refused) {
		return nil, nil, &refused{http.StatusNotFound, "Not Found"}
	}))
}

func githubComment(c ForgeComment) map[string]any {
	return map[string]any{"id": c.ID, "body": c.Body, "created_at": forgeNow(), "user": map[string]any{"login": c.Author}}
}

func (f *Forge) gitlabRoutes(mux *http.ServeMux) {
	const api = "/api/v4"
	const merge = api + "/projects/{project}/merge_requests/{number}"
	// A project is named by its number or by its whole path as one segment.
	in := func(h func(r *http.Request) (any, http.Header, *refused)) http.HandlerFunc {
		return f.guarded(func(r *http.Request) (any, http.Header, *refused) {
			if p := r.PathValue("project"); p != forgeRepository && p != "17" {
				return nil, nil, &refused{http.StatusNotFound, "404 Project Not Found"}
			}
			if r.PathValue("number") != "" {
				if no := f.isRequest(r); no != nil {
					return nil, nil, no
				}
			}
			return h(r)
		})
	}
	mux.HandleFunc("GET "+api+"/user", f.guarded(func(*http.Request) (any, http.Header, *refused) {
		return map[string]any{"username": f.Me}, nil, nil
	}))
	mux.HandleFunc("GET "+merge, in(func(*http.Request) (any, http.Header, *refused) {
		return map[string]any{"iid": f.Number, "state": "opened", "sha": f.Head, "target_branch": f.Base}, nil, nil
	}))
	mux.HandleFunc("GET "+api+"/projects/{project}/repository/branches/{branch}", in(func(r *http.Request) (any, http.Header, *refused) {
		if r.PathValue("branch") != f.Base {
			return nil, nil, &refused{http.StatusNotFound, "404 Branch Not Found"}
		}
		return map[string]any{"name": f.Base, "commit": map[string]any{"id": f.Tip}}, nil, nil
	}))
	mux.HandleFunc("GET "+merge+"/notes", in(func(r *http.Request) (any, http.Header, *refused) {
		some, page, more := f.page(r, f.comments, 20)
		header := http.Header{"X-Next-Page": {""}}
		if more {
			header.Set("X-Next-Page", strconv.Itoa(page+1))
		}
		list := []any{}
		for _, c := range some {
			list = append(list, map[string]any{"id": c.ID, "body": c.Body, "author": map[string]any{"username": c.Author}})
		}
		return list, header, nil
	}))
	write := func(r *http.Request, save func(body string) *refused) *refused {
		body := decode(r)["body"]
		if f.site.Rule(ForgeCommentLimit) && utf8.RuneCountInString(body) > 1_000_000 || body == "" {
			return &refused{http.StatusBadRequest, "400 Bad request - Note is too long (maximum is 1000000 characters)"}
		}
		f.act(body)
		return save(body)
	}
	mux.HandleFunc("POST "+merge+"/notes", in(func(r *http.Request) (any, http.Header, *refused) {
		return map[string]any{}, nil, write(r, func(body string) *refused {
			f.add(f.Me, body)
			return nil
		})
	}))
	mux.HandleFunc("PUT "+merge+"/notes/{id}", in(func(r *http.Request) (any, http.Header, *refused) {
		return map[string]any{}, nil, write(r, func(body string) *refused { return f.edit(r, body) })
	}))
	mux.HandleFunc("POST "+api+"/projects/{project}/statuses/{commit}", in(func(r *http.Request) (any, http.Header, *refused) {
		b := decode(r)
		no := f.set(ForgeStatus{r.PathValue("commit"), b["name"], b["state"], b["description"], b["target_url"]},
			[]string{"pending", "running", "success", "failed", "canceled", "skipped"}, 255)
		return map[string]any{}, nil, no
	}))
	mux.HandleFunc("/", f.guarded(func(*http.Request) (any, http.Header, *refused) {
		return nil, nil, &refused{http.StatusNotFound, "404 Not Found"}
	}))
}

func (f *Forge) isRequest(r *http.Request) *refused {
	if r.PathValue("number") != strconv.Itoa(f.Number) {
		return &refused{http.StatusNotFound, "Not Found"}
	}
	return nil
}

// edit changes a comment. Whoever may write to the repository may change anybody's, as on both services.
func (f *Forge) edit(r *http.Request, body string) *refused {
	for i := range f.comments {
		if strconv.FormatInt(f.comments[i].ID, 10) == r.PathValue("id") {
			f.comments[i].Body = body
			return nil
		}
	}
	return &refused{http.StatusNotFound, "Not Found"}
}
