package drr

// shares divides something out among options by weights that change: deficit round-robin
// turned around. What is given to one is charged there and credited to all by weight; who
// has most is next. A change of weight alters what is credited from then on and nothing
// of before: strides with passes that are kept would carry one share on for a long time.
// It looks at every option to choose one.
type shares[K comparable] struct {
	most    float64 // that an option can save, or owe
	options []option[K]
	total   float64
}

type option[K comparable] struct {
	key    K
	weight float64
	credit float64
}

// set gives an option a weight; with 0 it is not chosen. One that had none begins with
// some credit, so that not all choose the same first.
func (s *shares[K]) set(key K, weight, credit float64) {
	o := s.find(key)
	if o == nil {
		s.options = append(s.options, option[K]{key: key})
		o = &s.options[len(s.options)-1]
	}
	if o.weight == 0 {
		o.credit = credit
	}
	s.total += weight - o.weight
	o.weight = weight
}

func (s *shares[K]) remove(key K) {
	for i := range s.options {
		if s.options[i].key == key {
			s.total -= s.options[i].weight
			s.options = append(s.options[:i], s.options[i+1:]...)
			return
		}
	}
}

// next chooses an option; false: none has a weight.
func (s *shares[K]) next() (key K, ok bool) {
	var best *option[K]
	for i := range s.options {
		if o := &s.options[i]; o.weight > 0 && (best == nil || o.credit > best.credit) {
			best = o
		}
	}
	if best == nil {
		return key, false
	}
	return best.key, true
}

// charge notes that an option got something, or gave it back where it is negative.
func (s *shares[K]) charge(key K, cost float64) {
	if s.total <= 0 {
		return
	}
	for i := range s.options {
		o := &s.options[i]
		if o.key == key {
			o.credit -= cost
		}
		if o.weight > 0 {
			o.credit += cost * o.weight / s.total
		}
		o.credit = min(max(o.credit, -s.most), s.most)
	}
}

func (s *shares[K]) find(key K) *option[K] {
	for i := range s.options {
		if s.options[i].key == key {
			return &s.options[i]
		}
	}
	return nil
}
