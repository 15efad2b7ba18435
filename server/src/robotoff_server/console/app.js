// The page: one question at a time, the products, what was written to them, and what runs here.

import * as api from "./api.js";
import { ago, byId, element, show } from "./dom.js";
import { picture } from "./picture.js";

const SAVED_VOTER = "robotoff-voter";
const SAVED_LANG = "robotoff-lang";
const WORDS = { 1: "yes", 0: "no", "-1": "skip" };

const state = { products: new Map(), votesNeeded: 3, queue: [], count: 0, current: null, product: null, round: 0, loading: false, busy: false, waiting: null };

const key = ({ server_type, barcode }) => `${server_type}:${barcode}`;

// Questions

async function loadQuestions() {
  clearTimeout(state.waiting);
  const round = ++state.round; // a later one (another voter, product, language) makes this one's answer stale
  loading(true);
  try {
    const found = await api.questions(state.product);
    if (round !== state.round) return;
    state.queue = found.questions;
    state.count = found.count ?? found.questions.length;
    showNext();
  } catch (error) {
    if (round !== state.round) return;
    tell(`The questions could not be loaded: ${error.message}`, "bad");
    state.waiting = setTimeout(loadQuestions, 5000);
  }
  if (round === state.round) loading(false);
}

// Meanwhile nothing can be answered: what stands there may be somebody else's question.
function loading(on) {
  state.loading = on;
  byId("question").setAttribute("aria-busy", String(on));
}

function showNext() {
  const question = state.queue[0] ?? null;
  state.current = question;
  byId("remaining").textContent = question ? (state.count >= 100 ? "100 or more to go" : `${state.count} to go`) : "";
  show(byId("answers"), question !== null);
  show(byId("hint"), question !== null);
  byId("question-body").classList.toggle("empty", question === null);
  if (!question) {
    byId("ask-text").textContent = state.product ? "Nothing is left to ask about this product." : "No open question right now.";
    byId("ask-value").textContent = "";
    byId("product-name").textContent = "";
    byId("evidence").replaceChildren();
    if (!state.product) state.waiting = setTimeout(loadQuestions, 3000);
    return;
  }
  byId("evidence").classList.add("stale"); // the last question's picture, until this one's is there
  const product = state.products.get(key(question));
  byId("product-name").textContent = product ? [product.name, product.brands].filter(Boolean).join(" · ") : `Barcode ${question.barcode}`;
  byId("ask-text").textContent = question.question;
  byId("ask-text").lang = byId("ask-value").lang = api.session.lang;
  byId("ask-value").textContent = question.value ?? "";
  showEvidence(question, product); // the picture may come a moment later
}

async function showEvidence(question, product) {
  const figure = byId("evidence");
  const name = product?.name ?? question.barcode;
  const insight = await api.insight(question.insight_id).catch(() => null);
  if (state.current !== question) return;
  const imageId = insight?.source_image?.match(/\/(\d+)\.jpg$/)?.[1] ?? null;
  const drawn = product?.images.find(({ id }) => id === imageId) ?? product?.images[0];
  if (drawn) {
    const box = drawn.id === imageId ? insight.bounding_box : null;
    figure.replaceChildren(picture(drawn, `Picture of ${name}`, box));
  } else {
    const photo = question.source_image_url;
    figure.replaceChildren(photo ? element("img", { src: photo, alt: `Photo of ${name}` }) : element("p", { class: "no-picture" }, "no picture"));
  }
  figure.classList.remove("stale");
}

async function answer(annotation) {
  const question = state.current;
  if (!question || state.busy || state.loading) return;
  state.busy = true;
  byId("answers").classList.add("busy");
  tell("Saving…");
  try {
    const reply = await api.answer(question.insight_id, annotation);
    tell(said(reply, annotation), reply.status_code === 10 || reply.status_code === 11 || reply.status_code === 13 ? "bad" : "good");
    state.queue = state.queue.filter((other) => other !== question);
    state.count = Math.max(0, state.count - 1);
    if (state.queue.length) showNext();
    else await loadQuestions();
    refresh();
  } catch (error) {
    tell(error.message, "bad");
  } finally {
    state.busy = false;
    byId("answers").classList.remove("busy");
  }
}

function said(reply, annotation) {
  if (reply.status_code === 2 || reply.status_code === 12) return "Thank you: saved and written to the product.";
  if (reply.status_code === 9) {
    return annotation === -1 ? "Skipped: you will not be asked this again." : `Your vote counts; ${state.votesNeeded} equal votes decide.`;
  }
  if (reply.status_code === 1) return `Saved: ${WORDS[annotation]}.`;
  return reply.description ?? reply.status;
}

function tell(text, kind = "") {
  const outcome = byId("outcome");
  outcome.textContent = text;
  outcome.className = `outcome ${kind}`;
}

function chooseProduct(product) {
  state.product = product;
  show(byId("filter"), product !== null);
  byId("filter-text").textContent = product ? `Only ${product.name}.` : "";
  tell("");
  for (const card of document.querySelectorAll(".product")) {
    card.setAttribute("aria-pressed", String(product !== null && card.dataset.key === key(product)));
  }
  loadQuestions();
  if (product) {
    byId("question").scrollIntoView({ behavior: "smooth", block: "start" });
    byId("question").focus({ preventScroll: true });
  }
}

const KEYS = { y: 1, arrowright: 1, n: 0, arrowleft: 0, s: -1, arrowdown: -1 };

function onKey(event) {
  const annotation = KEYS[event.key.toLowerCase()];
  if (annotation === undefined || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const arrow = event.key.startsWith("Arrow");
  if (event.target.closest(arrow ? "input, select" : "select")) return; // their own keys
  if (arrow && !byId("question").contains(event.target) && event.target !== document.body) return; // scrolling elsewhere
  event.preventDefault();
  answer(annotation);
}

// The rest of the page

function productCard(product) {
  const [first] = product.images;
  const shown = first ? element("img", { src: first.src, alt: "", loading: "lazy", width: first.width, height: first.height }) : null;
  const card = element(
    "button",
    { type: "button", class: "product", "data-key": key(product), "aria-pressed": "false", onclick: () => chooseProduct(state.product === product ? null : product) },
    element("span", { class: "product-picture" }, shown),
    element("span", { class: "product-title", lang: product.lang || null }, product.name),
    element("span", { class: "product-detail" }, [product.brands, product.quantity].filter(Boolean).join(" · ") || product.barcode),
  );
  return element("li", {}, card);
}

async function loadProducts() {
  const found = await api.overview();
  state.votesNeeded = found.votes_needed;
  api.session.account = found.account;
  const known = [...state.products.keys()].join();
  const fresh = new Map(found.products.map((product) => [key(product), product]));
  if ([...fresh.keys()].join() !== known) {
    byId("products").replaceChildren(...found.products.map(productCard));
  } else {
    for (const [name, product] of fresh) {
      const detail = document.querySelector(`.product[data-key="${CSS.escape(name)}"] .product-detail`);
      detail.textContent = [product.brands, product.quantity].filter(Boolean).join(" · ") || product.barcode;
    }
  }
  if (!found.products.length) byId("products").replaceChildren(element("li", { class: "none" }, "No products are kept here."));
  state.products = fresh;
}

const shownEdits = new Set();

async function loadEdits() {
  const { edits } = await api.edits();
  const first = shownEdits.size === 0;
  byId("edits").replaceChildren(
    ...edits.map((edit) => {
      const id = `${edit.at}${edit.barcode}${edit.comment}`;
      const fresh = !first && !shownEdits.has(id);
      shownEdits.add(id);
      return element(
        "li",
        { class: fresh ? "edit fresh" : "edit" },
        element("p", { class: "edit-what" }, element("span", { class: "edit-field" }, `${edit.edit.field ?? edit.edit.kind} `), element("strong", {}, edit.edit.value ?? "")),
        element("p", { class: "edit-product" }, edit.product_name, " ", element("time", { datetime: `${edit.at}Z` }, ago(new Date(`${edit.at}Z`)))),
        element("p", { class: "edit-comment" }, edit.comment),
      );
    }),
  );
  shownEdits.add("");
  if (!edits.length) byId("edits").replaceChildren(element("li", { class: "none" }, "Nothing yet. Answer yes, and the edit appears here."));
}

async function loadPlugins() {
  const [{ plugins }, health] = await Promise.all([api.plugins(), api.health()]);
  const words = { success: "Everything works.", degraded: `Works with limits: ${(health.degraded ?? []).join(", ")}.`, failure: "The database does not answer." };
  byId("health").textContent = words[health.status] ?? health.status;
  byId("health").className = `health ${health.status}`;
  byId("plugins").replaceChildren(
    ...plugins.map((plugin) =>
      element(
        "li",
        { class: `plugin ${plugin.state}` },
        element("p", { class: "plugin-head" }, element("strong", {}, plugin.title || plugin.slug), " ", element("span", { class: "plugin-version" }, plugin.version), element("span", { class: `badge ${plugin.state}` }, plugin.state)),
        element("p", { class: "plugin-detail" }, plugin.reason || describe(plugin)),
        plugin.next_step ? element("p", { class: "plugin-next" }, plugin.next_step) : null,
      ),
    ),
  );
}

function describe(plugin) {
  const kinds = new Map();
  for (const { kind } of plugin.components) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return [...kinds].map(([kind, count]) => `${count} ${kind}${count > 1 ? "s" : ""}`).join(", ");
}

async function refresh() {
  const results = await Promise.allSettled([loadEdits(), loadPlugins(), loadProducts()]);
  if (results.some(({ status }) => status === "rejected")) {
    byId("health").textContent = "The server does not answer.";
    byId("health").className = "health failure";
  }
}

function showVoter() {
  byId("voter-account").disabled = api.session.account === null;
  byId(api.answersAsAccount() ? "voter-account" : "voter-anonymous").checked = true;
  show(byId("visitor"), !api.answersAsAccount());
  byId("visitor-text").textContent = `You vote as an anonymous visitor (${api.deviceId().slice(0, 6)}). ${state.votesNeeded} equal votes of different visitors decide.`;
}

function setUp() {
  const saved = localStorage.getItem(SAVED_LANG) ?? (navigator.language || "en").slice(0, 2);
  const languages = byId("language");
  languages.value = [...languages.options].some(({ value }) => value === saved) ? saved : "en";
  api.session.lang = languages.value;
  languages.addEventListener("change", () => {
    api.session.lang = languages.value;
    localStorage.setItem(SAVED_LANG, languages.value);
    loadQuestions();
  });
  api.session.anonymous = localStorage.getItem(SAVED_VOTER) === "anonymous";
  for (const radio of document.querySelectorAll("input[name=voter]")) {
    radio.addEventListener("change", () => {
      api.session.anonymous = radio.value === "anonymous";
      localStorage.setItem(SAVED_VOTER, radio.value);
      showVoter();
      loadQuestions();
    });
  }
  byId("new-visitor").addEventListener("click", () => {
    api.newDevice();
    showVoter();
    tell("You are another visitor now.");
    loadQuestions();
  });
  byId("clear-filter").addEventListener("click", () => chooseProduct(null));
  byId("answers").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) answer(Number(button.dataset.answer));
  });
  document.addEventListener("keydown", onKey);
}

async function start() {
  setUp();
  await refresh();
  showVoter();
  await loadQuestions();
  setInterval(() => document.visibilityState === "visible" && refresh(), 10000);
}

start();
