package web

import (
	"slices"
	"strconv"
	"strings"
)

// perPage is how many rows a page of a table has: enough to scroll through, and far below what a page
// may weigh.
const perPage = 100

// column is one column of a table; those with an order can be sorted by.
type column[T any] struct {
	key, label string
	order      func(a, b T) int
	number     bool // set to the right
}

// List is what surrounds the rows of a table: its heads, and where in it the reader is.
type List struct {
	Caption     string
	Heads       []Head
	Total, From int // From counts from 1; 0 where there are no rows
	To          int
	Page, Pages int
	Previous    string // URL, empty on the first page
	Next        string
}

// Head is the head of a column.
type Head struct {
	Label, URL string // URL is empty where the column cannot be sorted by
	Sorted     string // "ascending", "descending" or ""
	Number     bool
}

// list sorts and cuts rows as the URL says: sort=name or sort=-name, page=2.
func list[T any](r *request, caption string, rows []T, columns []column[T]) (List, []T) {
	return listOf(r, caption, rows, columns, perPage)
}

func listOf[T any](r *request, caption string, rows []T, columns []column[T], per int) (List, []T) {
	key, down := strings.CutPrefix(r.query.Get("sort"), "-")
	l := List{Caption: caption, Total: len(rows)}
	for _, c := range columns {
		head := Head{Label: c.label, Number: c.number}
		if c.order != nil {
			to := c.key
			if c.key == key {
				head.Sorted = "ascending"
				if down {
					head.Sorted = "descending"
				} else {
					to = "-" + c.key
				}
				rows = slices.Clone(rows)
				slices.SortStableFunc(rows, func(a, b T) int {
					if down {
						return c.order(b, a)
					}
					return c.order(a, b)
				})
			}
			head.URL = r.where("sort", to, "page", "")
		}
		l.Heads = append(l.Heads, head)
	}
	from, to := l.pageOf(r, len(rows), per)
	return l, rows[from:to]
}

// pageOf is which rows of so many stand on the page that the URL asks for.
func (l *List) pageOf(r *request, total, per int) (from, to int) {
	l.Total = total
	l.Pages = max(1, (total+per-1)/per)
	l.Page, _ = strconv.Atoi(r.query.Get("page"))
	l.Page = min(max(1, l.Page), l.Pages)
	from, to = (l.Page-1)*per, min(l.Page*per, total)
	if total > 0 {
		l.From, l.To = from+1, to
	}
	l.links(r)
	return from, to
}

// links are the ways to the pages beside this one.
func (l *List) links(r *request) {
	l.Previous, l.Next = "", ""
	if l.Page > 1 {
		l.Previous = r.where("page", strconv.Itoa(l.Page-1), "rack", "")
	}
	if l.Page < l.Pages {
		l.Next = r.where("page", strconv.Itoa(l.Page+1), "rack", "")
	}
}

// Filter is one choice above a table.
type Filter struct {
	Key, Label string
	Values     []string
	Chosen     string
}

// filter offers values, and says which one the URL chose.
func (r *request) filter(key, label string, values []string) Filter {
	return Filter{key, label, values, r.query.Get(key)}
}

// chosen reports whether a value passes the filter of that key.
func (r *request) chosen(key, value string) bool {
	want := r.query.Get(key)
	return want == "" || want == value
}

// contains reports whether what the reader typed into the filter is in one of the texts.
func (r *request) contains(texts ...string) bool {
	want := strings.ToLower(strings.TrimSpace(r.query.Get("q")))
	return want == "" || slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), want) })
}

// distinct are the different values of something, sorted, without the empty one.
func distinct[T any](rows []T, value func(T) string) []string {
	var all []string
	seen := map[string]bool{"": true}
	for _, row := range rows {
		if v := value(row); !seen[v] {
			seen[v] = true
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}
