// Shows the document that the page names. Nothing is asked of any other host, and the secret is kept in the page alone.
SwaggerUIBundle({
  url: document.currentScript.dataset.document,
  dom_id: "#viewer",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
