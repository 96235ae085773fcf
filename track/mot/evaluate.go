package mot

// Options say how a sequence is scored. The zero value is good for data of
// one's own.
type Options struct {
	Benchmark Benchmark
	// Frames is the length of the sequence: no row may lie beyond it, and false
	// alarms per frame are counted by it. 0: the last frame that has a row.
	Frames int
}

// Result is the score of one sequence, or of several combined.
type Result struct {
	HOTA     HOTA     `json:"HOTA"`
	CLEAR    CLEAR    `json:"CLEAR"`
	Identity Identity `json:"Identity"`
	Count    Count    `json:"Count"`
}

// Count is how much was scored, after the benchmark's rules were applied.
type Count struct {
	Dets   int `json:"Dets"`    // result boxes
	GTDets int `json:"GT_Dets"` // true boxes
	IDs    int `json:"IDs"`     // result identities
	GTIDs  int `json:"GT_IDs"`  // true identities
}

// Evaluate scores the results of one sequence against its truth. Rows may come
// in any order and are not changed.
//
// Either side may be empty. A negative id, an id that is twice in one frame, a
// frame outside the sequence and a class that the benchmark does not know are
// errors that name the frame and the id.
func Evaluate(gt, results []Row, opt Options) (Result, error) {
	s, err := newSequence(gt, results, opt)
	if err != nil {
		return Result{}, err
	}
	return Result{
		HOTA:     evaluateHOTA(s),
		CLEAR:    evaluateCLEAR(s),
		Identity: evaluateIdentity(s),
		Count: Count{
			Dets: s.resDets, GTDets: s.gtDets,
			IDs: len(s.resCount), GTIDs: len(s.gtCount),
		},
	}, nil
}

// Combine scores several sequences as one, the way benchmarks rank trackers:
// boxes count alike whichever sequence they are from, so that the result is not
// the mean of the sequences' scores.
func Combine(all []Result) Result {
	r := Result{
		HOTA:     combineHOTA(all),
		CLEAR:    combineCLEAR(all),
		Identity: combineIdentity(all),
	}
	for i := range all {
		c := &all[i].Count
		r.Count.Dets += c.Dets
		r.Count.GTDets += c.GTDets
		r.Count.IDs += c.IDs
		r.Count.GTIDs += c.GTIDs
	}
	return r
}

// Summary is a Result in one line: shares averaged over HOTA's thresholds, 0..1,
// and counts at an IoU of 0.5.
type Summary struct {
	HOTA      float64 `json:"HOTA"`
	DetA      float64 `json:"DetA"`
	AssA      float64 `json:"AssA"`
	LocA      float64 `json:"LocA"`
	DetRe     float64 `json:"DetRe"`
	DetPr     float64 `json:"DetPr"`
	AssRe     float64 `json:"AssRe"`
	AssPr     float64 `json:"AssPr"`
	MOTA      float64 `json:"MOTA"`
	MOTP      float64 `json:"MOTP"`
	IDF1      float64 `json:"IDF1"`
	IDR       float64 `json:"IDR"`
	IDP       float64 `json:"IDP"`
	Recall    float64 `json:"Recall"`
	Precision float64 `json:"Precision"`
	IDSW      int     `json:"IDSW"`
	TP        int     `json:"TP"`
	FP        int     `json:"FP"`
	FN        int     `json:"FN"`
	Frag      int     `json:"Frag"`
	MT        int     `json:"MT"`
	PT        int     `json:"PT"`
	ML        int     `json:"ML"`
	IDTP      int     `json:"IDTP"`
	IDFP      int     `json:"IDFP"`
	IDFN      int     `json:"IDFN"`
	Dets      int     `json:"Dets"`
	GTDets    int     `json:"GT_Dets"`
	IDs       int     `json:"IDs"`
	GTIDs     int     `json:"GT_IDs"`
}

// Summary reduces the result to the figures that are usually quoted.
func (r *Result) Summary() Summary {
	h, c, id := &r.HOTA, &r.CLEAR, &r.Identity
	return Summary{
		HOTA: h.HOTA.Mean(), DetA: h.DetA.Mean(), AssA: h.AssA.Mean(), LocA: h.LocA.Mean(),
		DetRe: h.DetRe.Mean(), DetPr: h.DetPr.Mean(), AssRe: h.AssRe.Mean(), AssPr: h.AssPr.Mean(),
		MOTA: c.MOTA, MOTP: c.MOTP, Recall: c.Recall, Precision: c.Precision,
		IDSW: c.IDSW, TP: c.TP, FP: c.FP, FN: c.FN, Frag: c.Frag, MT: c.MT, PT: c.PT, ML: c.ML,
		IDF1: id.IDF1, IDR: id.IDR, IDP: id.IDP, IDTP: id.IDTP, IDFP: id.IDFP, IDFN: id.IDFN,
		Dets: r.Count.Dets, GTDets: r.Count.GTDets, IDs: r.Count.IDs, GTIDs: r.Count.GTIDs,
	}
}
