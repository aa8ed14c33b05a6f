(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const store = (value) => { try { if (value) localStorage.setItem("catpipe-theme", value); return localStorage.getItem("catpipe-theme"); } catch { return null; } };

  const theme = document.querySelector(".theme");
  const isDark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const show = () => { theme.textContent = isDark() ? "Light colours" : "Dark colours"; };
  const kept = store();
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; store(root.dataset.theme); show(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();

  for (const list of all("[role=tablist]")) {
    const tabs = all("[role=tab]", list);
    const choose = (tab, focus) => {
      for (const one of tabs) {
        const on = one === tab;
        one.setAttribute("aria-selected", on);
        one.tabIndex = on ? 0 : -1;
        document.getElementById(one.getAttribute("aria-controls")).hidden = !on;
      }
      if (focus) tab.focus();
    };
    tabs.forEach((tab, at) => {
      tab.addEventListener("click", () => choose(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) { event.preventDefault(); choose(tabs[(at + step + tabs.length) % tabs.length], true); }
      });
    });
    if (tabs.length) choose(tabs[0]);
  }

  for (const select of all("select[data-filters]")) {
    const panel = document.getElementById(select.dataset.filters);
    const said = panel.querySelector(".shown");
    const filter = () => {
      let count = 0;
      for (const card of all(".card", panel)) {
        card.hidden = select.value !== "" && card.dataset.label !== select.value;
        count += card.hidden ? 0 : 1;
      }
      said.textContent = `${count} shown`;
    };
    select.addEventListener("change", filter);
    filter();
  }

  for (const map of all(".map")) {
    const places = all(".place", map);
    const data = JSON.parse(map.querySelector("script").textContent);
    const [image, text] = [map.querySelector(".tip img"), map.querySelector(".tip p")];
    let at = -1;
    const point = (next) => {
      if (places[at]) places[at].classList.remove("on");
      at = next;
      const one = data[places[at].dataset.place];
      places[at].classList.add("on");
      image.hidden = !one.src;
      if (one.src) image.src = one.src;
      image.alt = one.text;
      text.textContent = one.text;
    };
    places.forEach((place, number) => {
      place.addEventListener("pointerenter", () => point(number));
      place.addEventListener("click", () => point(number));
    });
    // With the keyboard one goes from left to right over the map.
    const x = (place) => place.cx.baseVal.value;
    const order = places.map((_, number) => number).sort((a, b) => x(places[a]) - x(places[b]));
    map.querySelector("figure").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step || !places.length) return;
      event.preventDefault();
      const next = at < 0 ? 0 : (order.indexOf(at) + step + order.length) % order.length;
      point(order[next]);
    });
  }

  for (const button of all("button[data-copies]")) {
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copies).textContent;
      try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
      catch { button.textContent = "Select and copy it"; }
    });
  }
  addEventListener("beforeprint", () => all("details").forEach((one) => { one.open = true; }));
})();
