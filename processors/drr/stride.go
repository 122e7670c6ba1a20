package drr

// StrideScheduler chooses among options by weights that change, as [Picker] among dispatchers:
// stride scheduling after Waldspurger and Weihl (1995). Each option has a moment at which
// it is due next, and goes on by one stride, the inverse of its weight, when it is chosen.
//
// Random choices would be as fair in the end, but not in a minute: an account that is
// nearly alone at its dispatcher had 6 % more or less than its share. Nodes have to begin at
// random places, or they all ask the same dispatcher at once.
//
// The zero StrideScheduler has no options. It is not safe for concurrent use, and looks at every
// option to choose one.
type StrideScheduler[K comparable] struct {
	options []option[K]
	total   int
	now     float64 // when the latest choice was due
}

type option[K comparable] struct {
	key    K
	weight int
	due    float64
}

// Set gives an option a weight; with 0 it is not chosen. One that had none is due after a
// part of a stride that chance says, from 0 to below 1.
func (c *StrideScheduler[K]) Set(key K, weight int, chance float64) {
	o := c.find(key)
	if o == nil {
		c.options = append(c.options, option[K]{key: key})
		o = &c.options[len(c.options)-1]
	}
	switch {
	case weight == 0:
	case o.weight == 0:
		o.due = c.now + chance/float64(weight)
	default: // the part of its stride that is left stays the same
		o.due = c.now + (o.due-c.now)*float64(o.weight)/float64(weight)
	}
	c.total += weight - o.weight
	o.weight = weight
}

// Remove forgets an option.
func (c *StrideScheduler[K]) Remove(key K) {
	for i := range c.options {
		if c.options[i].key == key {
			c.total -= c.options[i].weight
			c.options = append(c.options[:i], c.options[i+1:]...)
			return
		}
	}
}

// Weight returns what was set, 0 for an option that is not known.
func (c *StrideScheduler[K]) Weight(key K) int {
	if o := c.find(key); o != nil {
		return o.weight
	}
	return 0
}

// Total returns the sum of all weights.
func (c *StrideScheduler[K]) Total() int { return c.total }

// Next chooses an option; false: none has a weight.
func (c *StrideScheduler[K]) Next() (key K, ok bool) {
	var best *option[K]
	for i := range c.options {
		if o := &c.options[i]; o.weight > 0 && (best == nil || o.due < best.due) {
			best = o
		}
	}
	if best == nil {
		return key, false
	}
	c.now = best.due
	best.due += 1 / float64(best.weight)
	return best.key, true
}

func (c *StrideScheduler[K]) find(key K) *option[K] {
	for i := range c.options {
		if c.options[i].key == key {
			return &c.options[i]
		}
	}
	return nil
}
