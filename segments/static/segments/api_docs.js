// Swagger UI puts its groups two levels under the title: a screen reader would miss one between.

const page = document.getElementById("swagger-ui");

function level() {
  for (const heading of page.querySelectorAll("h3.opblock-tag:not([aria-level])")) {
    heading.setAttribute("role", "heading");
    heading.setAttribute("aria-level", "2");
  }
}

new MutationObserver(level).observe(page, { childList: true, subtree: true });
level();
