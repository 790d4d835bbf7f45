// Remembers, for the whole tab, who is at it. A choice of name is kept in a cookie, which the server reads before the
// first paint of the next tab of this browser.

let person = { id: "", chosen: "", turn: -1 };

/** Take over what the page says. An older turn is ignored: a panel may be mounted with old data. */
export function setPerson(next) {
  if (!next || next.turn <= person.turn) return;
  person = next;
  if (next.turn > 0) keep(next.chosen); // turn 0 is what the cookie said
}

function keep(name) {
  const life = name ? "max-age=31536000" : "max-age=0";
  document.cookie = `tideboard_person=${encodeURIComponent(name)}; path=/; ${life}; samesite=lax`;
}

/** Return {id, chosen, turn}. */
export function currentPerson() {
  return person;
}
