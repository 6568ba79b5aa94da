import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.*;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.regex.*;

/** Tokens by the account's key, for a client that asks with every call: asked for anew at two thirds of a token's life. */
final class Token {
  private final HttpClient http = HttpClient.newHttpClient();
  private final HttpRequest request;
  private String value;
  private long renewAt;

  Token(URI endpoint, String account, String key) {
    var both = URLEncoder.encode(account, StandardCharsets.UTF_8) + ":" + URLEncoder.encode(key, StandardCharsets.UTF_8);
    request = HttpRequest.newBuilder(endpoint).header("Authorization", "Basic " + Base64.getEncoder().encodeToString(both.getBytes(StandardCharsets.UTF_8)))
        .header("Content-Type", "application/x-www-form-urlencoded").POST(HttpRequest.BodyPublishers.ofString("grant_type=client_credentials")).build();
  }

  synchronized String get() {
    if (value != null && System.nanoTime() - renewAt < 0) return value;
    try {
      var answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      var token = Pattern.compile("\"access_token\"\\s*:\\s*\"([^\"]+)\"").matcher(answer.body());
      var life = Pattern.compile("\"expires_in\"\\s*:\\s*(\\d+)").matcher(answer.body());
      if (answer.statusCode() == 200 && token.find() && life.find()) {
        value = token.group(1);
        renewAt = System.nanoTime() + Long.parseLong(life.group(1)) * 660_000_000L;
      }
    } catch (IOException e) {
      if (value == null) throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return value;
  }

  WorkflowServiceStubs connect(String address) {
    return WorkflowServiceStubs.newServiceStubs(WorkflowServiceStubsOptions.newBuilder().setTarget(address).setEnableHttps(true).addApiKey(this::get).build());
  }
}
