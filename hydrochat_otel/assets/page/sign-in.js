// Signs in by itself when the address carries #token=…, and keeps the token out of the history.

const form = document.getElementById("sign-in");
const carried = /^#token=(.+)$/.exec(location.hash);

// A refused sign-in is shown at its own address, which answers POST only: a reload belongs to the page.
const address = location.pathname.endsWith("/session") ? "./" : location.pathname + location.search;
history.replaceState(null, "", address);

if (carried) {
  try {
    form.elements.token.value = decodeURIComponent(carried[1]);
    form.requestSubmit();
  } catch {
    form.elements.token.value = "";
  }
}
