// Puts the number of unread notifications before the title of a tab that can't be seen: "(3) Overview". Takes it away on return.

let unread = 0;
let isWatching = false;

/** Take how many are unread now. */
export function countInTitle(count) {
  unread = count;
  if (!isWatching) {
    isWatching = true;
    document.addEventListener("visibilitychange", write);
    // Streamlit writes the title anew with every run of the page.
    new MutationObserver(write).observe(document.head, { childList: true, subtree: true, characterData: true });
  }
  write();
}

function write() {
  const bare = document.title.replace(/^\(\d+\+?\) /, "");
  const wanted = document.hidden && unread > 0 ? `(${unread > 99 ? "99+" : unread}) ${bare}` : bare;
  if (document.title !== wanted) document.title = wanted;
}
