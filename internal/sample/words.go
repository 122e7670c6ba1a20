package sample

// Names as people write them, and as they stand in an e-mail address.
type word struct{ name, plain string }

var firsts = []word{
	{"Ada", "ada"}, {"Ahmed", "ahmed"}, {"Aiko", "aiko"}, {"Ana", "ana"}, {"Björn", "bjorn"}, {"Carlos", "carlos"}, {"Chloé", "chloe"}, {"Dmitri", "dmitri"},
	{"Elif", "elif"}, {"Emma", "emma"}, {"Fatima", "fatima"}, {"Giulia", "giulia"}, {"Grace", "grace"}, {"Hans", "hans"}, {"Ingrid", "ingrid"}, {"Ivan", "ivan"},
	{"João", "joao"}, {"José", "jose"}, {"Katarzyna", "katarzyna"}, {"Lars", "lars"}, {"Léa", "lea"}, {"Maria", "maria"}, {"Mei", "mei"}, {"Noah", "noah"},
	{"Olga", "olga"}, {"Priya", "priya"}, {"Rosa", "rosa"}, {"Samuel", "samuel"}, {"Sofía", "sofia"}, {"Tomás", "tomas"}, {"Yuki", "yuki"}, {"Zoe", "zoe"},
}

var lasts = []word{
	{"Andersson", "andersson"}, {"Bauer", "bauer"}, {"Chen", "chen"}, {"Costa", "costa"}, {"Dubois", "dubois"}, {"Fischer", "fischer"}, {"García", "garcia"}, {"Haddad", "haddad"},
	{"Hansen", "hansen"}, {"Ibrahim", "ibrahim"}, {"Ito", "ito"}, {"Jensen", "jensen"}, {"Kaya", "kaya"}, {"Kowalski", "kowalski"}, {"Lopez", "lopez"}, {"Martin", "martin"},
	{"Moreau", "moreau"}, {"Müller", "mueller"}, {"Nakamura", "nakamura"}, {"Novák", "novak"}, {"O'Brien", "obrien"}, {"Okafor", "okafor"}, {"Patel", "patel"}, {"Petrov", "petrov"},
	{"Rossi", "rossi"}, {"Santos", "santos"}, {"Schmidt", "schmidt"}, {"Silva", "silva"}, {"Smith", "smith"}, {"Tanaka", "tanaka"}, {"van Dijk", "vandijk"}, {"Yılmaz", "yilmaz"},
}

var places = []struct{ country, city, dial string }{
	{"AT", "Graz", "+43"}, {"BR", "São Paulo", "+55"}, {"CA", "Toronto", "+1"}, {"CH", "Zürich", "+41"}, {"CZ", "Brno", "+420"}, {"DE", "Hamburg", "+49"},
	{"DK", "Aarhus", "+45"}, {"ES", "Sevilla", "+34"}, {"FR", "Lyon", "+33"}, {"GB", "Leeds", "+44"}, {"IN", "Pune", "+91"}, {"IT", "Torino", "+39"},
	{"JP", "Ōsaka", "+81"}, {"NL", "Utrecht", "+31"}, {"PL", "Kraków", "+48"}, {"SE", "Malmö", "+46"}, {"TR", "İzmir", "+90"}, {"US", "Austin", "+1"},
}

var hosts = []string{"@example.com", "@example.org", "@mail.example.net", "@shop.example"}

// notes hold what makes CSV hard: delimiters, quotes and line feeds. Line feeds
// are plain, so that readers which fold CRLF see the same cells.
var notes = []string{
	"", "", "", "",
	"prefers e-mail",
	"VIP, call back before noon, ask for the new address",
	"met at the fair, wants the \"blue\" catalogue and a sample",
	"first order 2019\nsecond order 2021, paid late\nasked for a new invoice",
	"said \"maybe next year\"",
	"delivery: ring twice, leave with the neighbour on the second floor",
	"moved in spring\nold address: Main Street 5",
	"Kundin seit 2016, mag keine Anrufe – bitte nur schriftlich",
	"discount, 10 %",
	"no newsletter; no calls; letters only, please, and none in August",
	"asked for \"a quote, in writing\"\nsent on Monday",
	"日本語でお願いします",
}
