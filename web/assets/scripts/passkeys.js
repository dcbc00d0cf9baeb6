// Passkeys: asks the server what to sign, lets the browser sign it, and sends the form.
// Without script, or where the browser has no passkeys, the page says so.

export function startPasskeys() {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    show(form, able() ? "ready" : "unable");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      run(form);
    });
  }
}

function able() {
  return Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON && navigator.credentials);
}

// The form holds one part for each state.
function show(form, state) {
  for (const part of form.querySelectorAll("[data-when]")) {
    part.hidden = !part.dataset.when.split(" ").includes(state);
  }
}

async function run(form) {
  if (!able() || form.dataset.running) return;
  form.dataset.running = "true";
  try {
    const options = await ask(form.dataset.options);
    if (!options) return; // the browser is on its way to the sign-in page
    form.elements.credential.value = JSON.stringify(await sign(form.dataset.passkey, options));
    form.submit();
  } catch {
    show(form, "ready failed"); // nobody is told why: no passkey here, or not wanted
  } finally {
    delete form.dataset.running;
  }
}

async function ask(address) {
  const answer = await fetch(address, { method: "POST", headers: { "HX-Request": "true" } });
  const elsewhere = answer.headers.get("HX-Redirect");
  if (elsewhere) {
    location.assign(elsewhere);
    return null;
  }
  if (answer.status === 401) {
    location.reload(); // too late: the page leads on to where to begin again
    return null;
  }
  if (!answer.ok) throw new Error(`passkey: ${answer.status}`);
  return (await answer.json()).data;
}

async function sign(how, options) {
  if (how === "create") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey })).toJSON();
}
