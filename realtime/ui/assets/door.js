// Remembers, while a person signs in elsewhere, which page they wanted: the identity provider sends them to the first one.

import { rememberWay } from "./person.js";

export function mount({ data }) {
  rememberWay(data.way);
}
