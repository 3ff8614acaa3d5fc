"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const pictures = [...document.querySelectorAll("svg.net")];
  const buttons = [...document.querySelectorAll("[data-show]")];
  const search = document.getElementById("search");
  const count = document.getElementById("count");
  const panel = document.getElementById("panel");
  const content = document.getElementById("content");
  const whole = new Map(pictures.map((svg) => [svg, svg.getAttribute("viewBox").split(" ").map(Number)]));
  const views = new Map([...whole].map(([svg, box]) => [svg, [...box]]));
  let current = pictures[0];
  let turn = -1;

  const look = (svg, box) => {
    views.set(svg, box);
    svg.setAttribute("viewBox", box.join(" "));
  };
  const show = (layer) => {
    for (const svg of pictures) svg.closest("figure").hidden = svg.dataset.layer !== layer;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.show === layer));
    current = pictures.find((svg) => svg.dataset.layer === layer);
    root.dataset.layer = layer;
    find();
  };
  const zoom = (factor, at) => {
    const [x, y, width, height] = views.get(current);
    const most = whole.get(current)[2] * 3;
    const wanted = Math.min(most, Math.max(160, width * factor));
    const real = wanted / width;
    const [px, py] = at || [x + width / 2, y + height / 2];
    look(current, [px - (px - x) * real, py - (py - y) * real, wanted, height * real]);
  };
  const point = (event) => {
    const spot = current.createSVGPoint();
    spot.x = event.clientX;
    spot.y = event.clientY;
    const found = spot.matrixTransform(current.getScreenCTM().inverse());
    return [found.x, found.y];
  };
  const hits = () => [...current.querySelectorAll(".hit")];
  const find = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    turn = -1;
    for (const svg of pictures) {
      svg.classList.toggle("searching", words.length > 0);
      for (const item of svg.querySelectorAll("[data-search]")) {
        item.classList.toggle("hit", words.length > 0 && words.every((word) => item.dataset.search.includes(word)));
      }
    }
    count.textContent = words.length ? `${hits().length} found` : "";
  };
  const next = () => {
    const found = hits();
    if (!found.length) return;
    turn = (turn + 1) % found.length;
    const box = (found[turn].querySelector(".face, .band") || found[turn]).getBBox();
    const width = Math.max(box.width * 1.6, 900);
    const height = (width * current.clientHeight) / current.clientWidth;
    look(current, [box.x + box.width / 2 - width / 2, box.y + box.height / 2 - height / 2, width, height]);
    light(found[turn].dataset.node);
  };
  const light = (node) => {
    for (const lit of document.querySelectorAll(".net .lit")) lit.classList.remove("lit");
    if (node === undefined) return;
    for (const item of document.querySelectorAll(`.net [data-node="${node}"], .net [data-ends~="${node}"]`)) {
      item.classList.add("lit");
    }
  };
  const open = (node) => {
    const profile = document.getElementById(`p${node}`);
    if (!profile) return;
    const heading = document.createElement("h3");
    heading.textContent = profile.querySelector("summary b").textContent;
    content.replaceChildren(heading, ...[...profile.querySelector(".body").cloneNode(true).childNodes]);
    panel.hidden = false;
    light(node);
  };
  const close = () => {
    panel.hidden = true;
    light();
  };

  for (const button of buttons) button.addEventListener("click", () => show(button.dataset.show));
  document.getElementById("in").addEventListener("click", () => zoom(0.7));
  document.getElementById("out").addEventListener("click", () => zoom(1.4));
  document.getElementById("fit").addEventListener("click", () => look(current, [...whole.get(current)]));
  document.getElementById("close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  search.addEventListener("input", find);
  search.addEventListener("keydown", (event) => event.key === "Enter" && next());
  content.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-go]");
    if (!link) return;
    event.preventDefault();
    open(link.dataset.go);
  });
  for (const svg of pictures) {
    let grip = null;
    let moved = false;
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.15 : 0.87, point(event));
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => {
      grip = event.button === 0 ? point(event) : null;
      moved = false;
    });
    svg.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const [x, y] = point(event);
      const [left, top, width, height] = views.get(svg);
      if (!moved && Math.hypot(x - grip[0], y - grip[1]) < width / 300) return;
      if (!moved) svg.setPointerCapture(event.pointerId);
      moved = true;
      svg.classList.add("held");
      look(svg, [left - (x - grip[0]), top - (y - grip[1]), width, height]);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      svg.addEventListener(end, () => {
        grip = null;
        svg.classList.remove("held");
      });
    }
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    svg.addEventListener("click", (event) => {
      const item = event.target.closest("[data-node]");
      event.preventDefault();
      if (item && !moved) open(item.dataset.node);
    });
    svg.addEventListener("pointerover", (event) => {
      const item = event.target.closest("[data-node]");
      if (panel.hidden) light(item ? item.dataset.node : undefined);
    });
  }
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.matches("details")) target.open = true;
  };
  window.addEventListener("hashchange", reveal);
  show(current.dataset.layer);
  reveal();
  root.dataset.ready = "yes";
})();
